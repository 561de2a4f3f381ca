# Run in a sandbox by the doctor, after a line `port=N`: prints "reached" when a listener on the host's loopback at that
# port can be connected to, then the routing tables, then "looked".
(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && echo reached
cat /proc/net/route /proc/net/ipv6_route 2>/dev/null
echo looked
