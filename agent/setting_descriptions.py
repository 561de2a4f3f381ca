"""What each setting does and its unit: one text for `Settings`, `--help`, docs/configuration.md and `doctor --config`.

The texts are not in `agent.config`, since `--help` needs them and importing pydantic there would double its time.
A text ends with what applies where nothing is set. Names are the settings' own, in capitals.
"""

MODEL = (
    "The model's name at the server, or a name of `swe-agent models list`. "
    "[default: the server's first model; qwen2.5-coder-1.5b in the bundled runtime]"
)
BASE_URL = (
    "The URL of an OpenAI-compatible model server, such as http://127.0.0.1:8080/v1. [default: the bundled runtime]"
)
API_KEY = "The model server's key. It is not stored with the session. [default: none]"
CONTEXT = "The context window to ask the model server for, in tokens, at least 1024. [default: measured at the server]"
SANDBOX = (
    "Where commands run: docker, bubblewrap, local (no isolation), or auto: the first of docker and bubblewrap that "
    "works. [default: auto]"
)
IMAGE = "The container image of the docker sandbox. [default: swe-agent's base image]"
SETUP = (
    "A shell command that prepares the environment before the agent starts. It has network access unless `network` is "
    "none. [default: detected, and run where the tests need it]"
)
TEST = "The shell command that runs the tests. [default: detected]"
TEST_TIMEOUT = "Maximum duration of a run of the tests: seconds, or like 90s, 15m, 1h30m. [default: 30m]"
NETWORK = (
    "When commands in the sandbox have network access: none (never), setup (while the setup command runs), "
    "allow (always). [default: setup]"
)
ALLOW_HOSTS = (
    "The only hosts that commands reach while they have network access, through a filtering proxy: host.example, "
    "*.host.example (all below it), host.example:8443 (another port), http://host.example (also other methods than GET "
    "over plain HTTP). [default: all that this machine reaches]"
)
STRATEGY = (
    "Who decides the next action: agent (the model), guided (the program, asking the model narrow questions), or auto: "
    "what the model's profile says. [default: auto]"
)
ATTEMPTS = (
    "Maximum number of candidate fixes, 1 to 64; the tests choose among them. "
    "[default: 1 with the agent strategy, 32 with guided]"
)
MAX_STEPS = "Maximum number of the model's replies in a session. [default: 100]"
TIME_LIMIT = (
    "Maximum duration of a session from when the model answers, setup included: seconds, or like 90s, 15m, 1h30m. "
    "[default: no limit]"
)
MAX_TOKENS = "Maximum number of tokens that the model generates in a session. [default: no limit]"
OUTPUT = (
    "What to do with the patch: patch (print it), apply (change the work tree), or branch (commit it to a new branch). "
    "[default: patch]"
)
PATCH_FILE = "The file to write the patch to. [default: standard output]"
KEEP_WORKSPACE = "Whether the workspace of a session that can be resumed is kept. [default: true]"
ALLOW_WORKFLOWS = "Whether the patch may change files under .github, as `--allow-path .github` says. [default: false]"
ALLOW_PATH = (
    "A path that runs something elsewhere or steers an agent (CI, hooks, editors, AGENTS.md) and that the patch may "
    "change all the same; may be repeated, and name a directory or have * and **. Others are left out of the patch. "
    "[default: none]"
)
SEED = "The seed of sampling, an integer. [default: chosen by the server]"
TEMPERATURE = "The temperature of sampling, 0 to 2. [default: from the model's profile]"
