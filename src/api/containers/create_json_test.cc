#include "api/containers/create_json.h"

#include <gmock/gmock.h>

#include "api/containers/binds.h"

namespace shoal::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(CreateJson, WhatDockerRunSends) {
  const auto config = decode_create(R"({
    "Hostname":"h","User":"web","AttachStdout":true,"Tty":true,"OpenStdin":true,"StdinOnce":true,
    "Env":["A=1"],"Cmd":["sleep","9"],"Entrypoint":"/init","Image":"busybox",
    "Volumes":{"/cache":{},"/data":{}},"WorkingDir":"/w","Labels":{"k":"v"},"StopTimeout":7,
    "ExposedPorts":{"80/tcp":{}},
    "Healthcheck":{"Test":["CMD","x"],"Interval":2000000000,"Retries":4},
    "HostConfig":{"Binds":["/host:/data:ro"],"NetworkMode":"bridge","AutoRemove":true,
      "PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8081"},{"HostPort":""}]},
      "RestartPolicy":{"Name":"no","MaximumRetryCount":0},"Memory":10485760,"NanoCpus":500000000,
      "PidsLimit":-1,"ShmSize":0,"ExtraHosts":["friend:10.1.2.3"],"Dns":["9.9.9.9"],
      "Mounts":[{"Type":"volume","Source":"v","Target":"/v","VolumeOptions":{"NoCopy":true}}],
      "Tmpfs":{"/run":"size=64m,mode=1770,noexec"},"Init":true,"MemorySwappiness":-1,
      "LogConfig":{"Type":"json-file","Config":{"max-size":"1m"}},"Links":null,"DeviceRequests":[],
      "Ulimits":[{"Name":"nofile","Soft":1,"Hard":2}],"ConsoleSize":[0,0]},
    "NetworkingConfig":{"EndpointsConfig":{"default":{"IPAMConfig":null}}}})");
  ASSERT_TRUE(config) << config.error().message;
  const auto& spec = config->spec;
  EXPECT_EQ(spec.image, "busybox");
  EXPECT_THAT(spec.command, ElementsAre("/init"));
  EXPECT_THAT(spec.args, ElementsAre("sleep", "9"));
  EXPECT_TRUE(spec.tty && spec.open_stdin && config->stdin_once && config->auto_remove);
  EXPECT_EQ(spec.stop_grace_period, 7s);
  EXPECT_EQ(spec.healthcheck->interval, 2s);
  EXPECT_THAT(config->exposed_ports, ElementsAre("80/tcp"));
  EXPECT_EQ(config->network_mode, "bridge");
  ASSERT_EQ(config->ports.size(), 2u);
  EXPECT_EQ(config->ports[0].host_port, 8081);
  EXPECT_EQ(config->ports[0].host_ip, "127.0.0.1");
  EXPECT_EQ(config->pids_max, 0);
  EXPECT_THAT(spec.hosts, ElementsAre("10.1.2.3 friend"));
  EXPECT_THAT(spec.dns->nameservers, ElementsAre("9.9.9.9"));
  ASSERT_EQ(spec.mounts.size(), 4u);  // "/data" of Volumes is covered by the bind.
  EXPECT_EQ(spec.mounts[0].target, "/cache");
  EXPECT_EQ(spec.mounts[1].type, model::MountType::Bind);
  EXPECT_TRUE(spec.mounts[1].read_only && spec.mounts[1].bind_create_mountpoint);
  EXPECT_TRUE(spec.mounts[2].volume_no_copy);
  EXPECT_EQ(spec.mounts[3].tmpfs_size_bytes, 64 << 20);
  EXPECT_EQ(spec.mounts[3].tmpfs_mode, 01770u);
  EXPECT_EQ(config->log_driver->options.at("max-size"), "1m");
  EXPECT_EQ(spec.ulimits.at(0).hard, 2);
}

TEST(CreateJson, NetworksAreReadWithWhatIsAskedInThem) {
  const auto config = decode_create(R"({"HostConfig":{"NetworkMode":"back"},
    "NetworkingConfig":{"EndpointsConfig":{"back":{"Aliases":["x","y"],
      "IPAMConfig":{"IPv4Address":"10.1.0.9"}},"front":null}}})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->network_mode, "back");
  ASSERT_EQ(config->networks.size(), 2u);
  EXPECT_EQ(config->networks[0].name, "back");
  EXPECT_THAT(config->networks[0].aliases, ElementsAre("x", "y"));
  EXPECT_EQ(config->networks[0].address, "10.1.0.9");
  EXPECT_EQ(config->networks[1].name, "front");
}

struct Bad {
  const char* body;
  ErrorCode code;
  const char* text;
};

class CreateJsonRefuses : public testing::TestWithParam<Bad> {};

TEST_P(CreateJsonRefuses, BadBodies) {
  const auto config = decode_create(GetParam().body);
  ASSERT_FALSE(config) << GetParam().body;
  EXPECT_EQ(config.error().code, GetParam().code);
  EXPECT_THAT(config.error().message, HasSubstr(GetParam().text));
}

constexpr auto kInvalid = ErrorCode::InvalidArgument;
constexpr auto kMissing = ErrorCode::Unimplemented;

const Bad kBad[] = {
    {"", kInvalid, ""},
    {"{", kInvalid, "invalid JSON"},
    {"[]", kInvalid, "cannot unmarshal"},
    {R"({"Cmd":7})", kInvalid, "Cmd"},
    {R"({"Env":[7]})", kInvalid, "Env"},
    {R"({"Tty":"yes"})", kInvalid, "Tty"},
    {R"({"ExposedPorts":{"web/tcp":{}}})", kInvalid, "invalid port specification: \"web/tcp\""},
    {R"({"ExposedPorts":{"0/tcp":{}}})", kInvalid, "invalid port specification"},
    {R"({"ExposedPorts":{"80/ip":{}}})", kInvalid, "invalid port specification: \"80/ip\""},
    {R"({"HostConfig":{"Memory":"much"}})", kInvalid, "Memory"},
    {R"({"HostConfig":{"Binds":["a:b:c:d"]}})", kInvalid,
     "invalid volume specification: 'a:b:c:d'"},
    {R"({"HostConfig":{"Binds":["/a:/b:wild"]}})", kInvalid, "invalid mode: wild"},
    {R"({"HostConfig":{"Mounts":[{"Type":"moon"}]}})", kInvalid, "moon"},
    {R"({"HostConfig":{"Tmpfs":{"/x":"size=big"}}})", kInvalid, "invalid size: 'big'"},
    {R"({"HostConfig":{"RestartPolicy":{"Name":"sometimes"}}})", kInvalid,
     "invalid restart policy: unknown policy 'sometimes'"},
    {R"({"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"http"}]}}})", kInvalid,
     "invalid port specification: \"http\""},
    {R"({"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"99999"}]}}})", kInvalid,
     "invalid port specification"},
    {R"({"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"8000-8010"}]}}})", kMissing,
     "range of host ports"},
    {R"({"HostConfig":{"ExtraHosts":["nowhere"]}})", kInvalid, "bad format for add-host"},
    {R"({"HostConfig":{"Links":["a:b"]}})", kMissing, "HostConfig.Links"},
    {R"({"HostConfig":{"DeviceRequests":[{"Count":-1}]}})", kMissing, "DeviceRequests"},
    {R"({"HostConfig":{"BlkioWeight":10}})", kMissing, "BlkioWeight"},
    {R"({"HostConfig":{"Runtime":"kata"}})", kInvalid, "unknown or invalid runtime name: kata"},
    {R"({"HostConfig":{"UsernsMode":"moon"}})", kInvalid, "invalid USER mode: moon"},
    {R"({"HostConfig":{"CgroupnsMode":"host"}})", kMissing, "cgroup namespace"},
    {R"({"HostConfig":{"VolumeDriver":"nfs"}})", ErrorCode::NotFound, "plugin \"nfs\" not found"},
    {R"({"MacAddress":"02:42:00:00:00:01"})", kMissing, "MAC address"},
    {R"({"NetworkingConfig":{"EndpointsConfig":{"a":{"MacAddress":"02:42:00:00:00:01"}}}})",
     kMissing, "MAC address"},
    {R"({"NetworkingConfig":{"EndpointsConfig":{"a":{"Links":["b"]}}}})", kMissing, "links"},
    {R"({"NetworkingConfig":{"EndpointsConfig":{"a":{"IPAMConfig":{"IPv6Address":"::1"}}}}})",
     kMissing, "IPv6 address"},
    {R"({"NetworkingConfig":{"EndpointsConfig":{"a":{"IPAMConfig":{"LinkLocalIPs":["1.2"]}}}}})",
     kMissing, "link-local"},
    {R"({"NetworkingConfig":{"EndpointsConfig":{"a":{"Aliases":7}}}})", kInvalid, "Aliases"},
};
INSTANTIATE_TEST_SUITE_P(All, CreateJsonRefuses, testing::ValuesIn(kBad));

TEST(Binds, InAllForms) {
  EXPECT_EQ(parse_bind("/data")->type, model::MountType::Volume);
  EXPECT_EQ(parse_bind("vol:/data:nocopy")->source, "vol");
  EXPECT_TRUE(parse_bind("vol:/data:nocopy")->volume_no_copy);
  EXPECT_EQ(parse_bind("/a:/b:rshared,ro")->propagation, "rshared");
  EXPECT_FALSE(parse_bind(""));
  EXPECT_FALSE(parse_bind("/a:"));
  EXPECT_FALSE(parse_bind("/a:b"));
}

TEST(Sizes, InBytes) {
  EXPECT_EQ(parse_size("1024"), 1024);
  EXPECT_EQ(parse_size("64m"), 64 << 20);
  EXPECT_EQ(parse_size("2GB"), int64_t{2} << 30);
  for (const char* bad : {"", "m", "-1", "1x", "1mm", "99999999999t"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

}  // namespace
}  // namespace shoal::api
