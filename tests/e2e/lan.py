"""A network between the namespaces of several nodes: a bridge in namespaces of its own."""
from harness import Namespaces


class Lan:
    """Node i (from 1) has the address 10.99.0.i on eth0."""

    def __init__(self):
        self.switch = Namespaces("switch")
        self.switch.run("ip", "link", "add", "br0", "type", "bridge")
        self.switch.run("ip", "link", "set", "br0", "up")
        # A switch passes frames on; with br_netfilter in the kernel it would look into them.
        self.switch.run("sh", "-c", "cd /proc/sys/net/bridge && for f in bridge-nf-call-*; do echo 0 >$f; done",
                        check=False)
        self.joined = 0

    def join(self, namespaces):
        """The next node. Returns its address."""
        self.joined += 1
        return self.plug_in(self.joined, namespaces)

    def plug_in(self, number, namespaces):
        """A node with new namespaces gets its cable (the old one went with the old ones) and address."""
        port, address = f"port{number}", f"10.99.0.{number}"
        # The kernel takes its time with namespaces that ended.
        self.switch.run("ip", "link", "delete", port, check=False)
        self.switch.run("ip", "link", "add", port, "master", "br0", "type", "veth", "peer", "name", "eth0",
                        "netns", namespaces.process.pid)
        self.switch.run("ip", "link", "set", port, "up")
        namespaces.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
        namespaces.run("ip", "link", "set", "eth0", "up")
        return address

    def cut(self, number):
        self.switch.run("ip", "link", "set", f"port{number}", "down")

    def heal(self, number):
        self.switch.run("ip", "link", "set", f"port{number}", "up")

    def lose(self, number, percent):
        """Of the packets from and to the node, each way."""
        rules = f"table bridge loss{number}\ndelete table bridge loss{number}\n"
        if percent:
            some = f"numgen random mod 1000 < {percent * 10} drop"
            rules += (f"table bridge loss{number} {{\n chain forward {{\n"
                      f"  type filter hook forward priority 0;\n"
                      f"  iifname \"port{number}\" {some}\n  oifname \"port{number}\" {some}\n }}\n}}\n")
        self.switch.run("nft", "-f", "-", input=rules)

    def close(self):
        self.switch.close()
