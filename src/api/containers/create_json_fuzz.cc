// The body of POST /containers/create.
#include "api/containers/create_json.h"
#include "fuzz/fuzz.h"

namespace shoal::fuzz {

void run(std::string_view input) {
  (void)api::decode_create(input);
  (void)api::parse_container_port(input);
}

std::vector<std::string> seeds() {
  return {R"({"Image":"busybox","Cmd":["sh","-c","true"],"Entrypoint":"/e","Env":["A=1"],
"ExposedPorts":{"80/tcp":{}},"Labels":{"a":"b"},"Tty":true,"OpenStdin":true,"StopTimeout":3,
"Healthcheck":{"Test":["CMD","true"],"Interval":1000000000},"Volumes":{"/v":{}},
"HostConfig":{"Binds":["/a:/b:ro,rslave","v:/c"],"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1",
"HostPort":"8080-8090"}]},"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3},
"Memory":4194304,"NanoCpus":500000000,"CapAdd":["NET_ADMIN"],"Dns":["1.1.1.1"],"ShmSize":1024,
"Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":1,"Options":[["noexec"]]}}],
"Devices":[{"PathOnHost":"/dev/null","PathInContainer":"/dev/n","CgroupPermissions":"rw"}],
"Ulimits":[{"Name":"nofile","Soft":1,"Hard":2}],"LogConfig":{"Type":"json-file","Config":{}},
"SecurityOpt":["seccomp=unconfined"],"Tmpfs":{"/x":"size=1m,mode=700"},"ExtraHosts":["a:1.2.3.4"],
"NetworkMode":"bridge"},"NetworkingConfig":{"EndpointsConfig":{"bridge":{"Aliases":["x"]}}}})",
          "53/udp"};
}

}  // namespace shoal::fuzz
