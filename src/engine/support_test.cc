#include "engine/support_test.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/cgroup.h"
#include "engine/log_file.h"
#include "os/file.h"

namespace shoal::engine::testing {
namespace fs = std::filesystem;
namespace {

void make_rootfs(const std::string& rootfs) {
  for (const char* name : {"bin", "etc", "proc", "sys", "dev", "tmp", "root", "sbin", "data"}) {
    fs::create_directories(rootfs + "/" + name);
  }
  fs::copy_file("/bin/busybox", rootfs + "/bin/busybox");
  for (const char* name : {"sh",     "cat", "echo",  "sleep", "true",   "false",    "id",   "stty",
                           "kill",   "ls",  "touch", "mount", "ulimit", "hostname", "trap", "ps",
                           "env",    "pwd", "head",  "dd",    "grep",   "printf",   "wc",   "stat",
                           "chroot", "seq", "mknod", "yes",   "usleep", "mkdir"}) {
    fs::create_symlink("busybox", rootfs + "/bin/" + name);
  }
  std::ofstream(rootfs + "/etc/passwd") << "root:x:0:0:root:/root:/bin/sh\n"
                                           "web:x:1000:1001:Web:/data:/bin/sh\n";
  std::ofstream(rootfs + "/etc/group") << "root:x:0:\nweb:x:1001:\nextra:x:2000:web,root\n"
                                          "audio:x:29:\n";
}

}  // namespace

std::string whole_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Machine::Machine() {
  char name[] = "/tmp/shoal-engine-XXXXXX";
  folder = ::mkdtemp(name);
  rootfs = folder + "/rootfs";
  make_rootfs(rootfs);
  fs::create_directories(folder + "/logs");
  cgroup = "/" + fs::path(folder).filename().string();
  options.run_root = folder + "/run";
  options.cgroup_parent = cgroup;
  open_engine();
}

void Machine::open_engine() {
  engine.reset();
  auto facts = read_host_facts();
  ASSERT_TRUE(facts) << facts.error().message;
  auto opened = Engine::open(loop, null_log, *facts, options);
  ASSERT_TRUE(opened) << opened.error().message;
  engine = std::move(*opened);
}

Machine::~Machine() {
  const auto ids = run_on(loop, engine->list());
  EXPECT_TRUE(ids && ids->empty()) << "a container was left behind";
  for (const auto& id : ids.value_or(std::vector<std::string>{})) {
    EXPECT_TRUE(run_on(loop, engine->discard(id)));
  }
  engine.reset();
  const auto cgroups = Cgroups::open();
  // conmon ends a moment after it has said so.
  EXPECT_TRUE(cgroups && cgroups->destroy(cgroup));
  EXPECT_TRUE(fs::is_empty(options.run_root + "/crun") ||
              fs::exists(options.run_root + "/crun/.cache"));
  EXPECT_TRUE(fs::is_empty(options.run_root + "/tmp"));
  const auto removed = os::remove_tree(folder);
  EXPECT_TRUE(removed) << removed.error().message;
}

ContainerDescription Machine::describe(std::vector<std::string> argv) {
  ContainerDescription description;
  description.id = fmt::format("{:064x}", next_id_++);
  description.config.spec.command = std::move(argv);
  description.rootfs = rootfs;
  description.log_path = folder + "/logs/" + description.id + ".log";
  return description;
}

std::shared_ptr<Container> Machine::create(const ContainerDescription& description) {
  auto created = run_on(loop, engine->create(description));
  EXPECT_TRUE(created) << created.error().message;
  return created ? *created : nullptr;
}

std::shared_ptr<Container> Machine::start(const ContainerDescription& description) {
  auto container = create(description);
  if (!container) return nullptr;
  const auto started = run_on(loop, container->start());
  EXPECT_TRUE(started) << started.error().message;
  return container;
}

ExitStatus Machine::run(const ContainerDescription& description) {
  const auto container = start(description);
  if (!container) return {.code = -1};
  const auto status = run_on(loop, container->wait());
  EXPECT_TRUE(status);
  const auto removed = run_on(loop, container->remove());
  EXPECT_TRUE(removed) << removed.error().message;
  return status.value_or(ExitStatus{.code = -1});
}

std::string Machine::output(const ContainerDescription& description) {
  run(description);
  return log(description);
}

std::string Machine::log(const ContainerDescription& description) {
  const auto reader = open_log(loop, description.log_path, {});
  std::string text;
  for (;;) {
    auto line = run_on(loop, reader->next());
    EXPECT_TRUE(line);
    if (!line || !*line) return text;
    text += (*line)->bytes;
  }
}

void Machine::await_log(Container& container, const std::string& text) {
  os::StopSource stop;
  const auto timer = loop.at(loop.now() + kPatience, [&] { stop.stop(); });
  auto reader = container.logs({.follow = true});
  ASSERT_TRUE(reader);
  for (;;) {
    auto line = run_on(loop, (*reader)->next(stop.token()));
    ASSERT_TRUE(line && *line) << "the log never said " << text;
    if ((*line)->bytes.find(text) != std::string::npos) return;
  }
}

}  // namespace shoal::engine::testing
