// docker exec: create, start, resize, inspect.
#include "api/body.h"
#include "api/containers/container_api.h"
#include "api/containers/create_json.h"
#include "api/containers/streams.h"
#include "codec/json_writer.h"

namespace shoal::api {
namespace {

// The client asks for the exit code as soon as the streams have ended, and takes none for 0; conmon
// reports it a moment later. A process that closed its streams and lives on is not waited for
// longer.
constexpr Duration kExitCodeWait = 2s;

Result<containers::ExecConfig> decode_exec(std::string_view body) {
  ASSIGN_OR_RETURN(const auto document, codec::JsonDocument::parse(body));
  auto reader = document.root("ExecOptions");
  containers::ExecConfig config;
  read_words(reader, "Cmd", config.argv);
  reader.read("Env", config.env);
  reader.read("WorkingDir", config.working_dir);
  reader.read("User", config.user);
  reader.read("Tty", config.tty);
  reader.read("AttachStdin", config.attach_stdin);
  reader.read("AttachStdout", config.attach_stdout);
  reader.read("AttachStderr", config.attach_stderr);
  reader.read("Privileged", config.privileged);
  reader.read("DetachKeys", config.detach_keys);
  RETURN_IF_ERROR(document.status());
  RETURN_IF_ERROR(parse_detach_keys(config.detach_keys));
  return config;
}

Result<bool> decode_detach(std::string_view body) {
  if (body.empty()) return false;
  ASSIGN_OR_RETURN(const auto document, codec::JsonDocument::parse(body));
  auto reader = document.root("ExecStartOptions");
  bool detach = false;
  reader.read("Detach", detach);
  RETURN_IF_ERROR(document.status());
  return detach;
}

os::Co<> await_exit(os::Loop& loop, containers::ExecRef exec, os::StopToken stop) {
  const os::StopSource late;
  const auto process = exec->process;
  const auto timer = loop.at(loop.now() + kExitCodeWait, [late, process] {
    if (process->lives()) late.stop();
  });
  const auto guard = stop.on_stop([late] { late.stop(); });
  (void)co_await process->wait(late.token());
}

}  // namespace

os::Co<Result<void>> ContainerApi::exec_create(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_ASSIGN_OR_RETURN(auto config, decode_exec(body));
  const std::string container(request.param("id"));
  CO_ASSIGN_OR_RETURN(const auto exec, containers_.execs().create(container, std::move(config)));
  codec::JsonWriter json;
  json.begin_object().field("Id", exec->id).end_object();
  responder.json(201, json.take());
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerApi::exec_start(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_ASSIGN_OR_RETURN(const bool detach, decode_detach(body));
  const std::string id(request.param("id"));
  CO_ASSIGN_OR_RETURN(const auto exec, containers_.execs().find(id));
  if (detach) {
    CO_RETURN_IF_ERROR(co_await containers_.execs().start(id, true));
    responder.empty(200);
    co_return Result<void>{};
  }
  CO_RETURN_IF_ERROR(containers_.execs().check_startable(*exec));
  const auto& config = exec->config;
  auto client = co_await responder.hijack(stream_content_type(request.version, config.tty));
  if (!client) co_return std::unexpected(client.error());

  auto started = co_await containers_.execs().start(id, false);
  if (!started) {
    // The client has its stream already, and reads the reason there; the code comes with inspect.
    std::string text = started.error().message + "\r\n";
    if (!config.tty) text = stdcopy_frame(engine::OutputStream::Stderr, text);
    co_return co_await (*client)->write(std::move(text));
  }
  auto* streams = exec->process->attachment();
  if (!streams) co_return Result<void>{};
  StreamWishes wishes{.input = config.attach_stdin,
                      .output = config.attach_stdout,
                      .errors = config.attach_stderr,
                      .tty = config.tty};
  CO_ASSIGN_OR_RETURN(wishes.detach_keys, parse_detach_keys(config.detach_keys));
  const auto end = co_await carry_streams(**client, *streams, wishes, request.stop);
  streams->hang_up();  // The exec goes on without a reader, as with Docker.
  if (end == StreamEnd::Output) co_await await_exit(loop_, exec, request.stop);
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerApi::exec_resize(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto size, terminal_size(request));
  std::string id(request.param("id"));
  CO_RETURN_IF_ERROR(co_await containers_.execs().resize(std::move(id), size.rows, size.columns));
  responder.empty(200);
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerApi::exec_inspect(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto exec, containers_.execs().find(std::string(request.param("id"))));
  const auto& config = exec->config;
  codec::JsonWriter json;
  json.begin_object();
  json.field("ID", exec->id);
  json.field("Running", exec->process && !exec->exit_code);
  json.key("ExitCode");
  if (exec->exit_code) {
    json.value(*exec->exit_code);
  } else {
    json.null();
  }
  json.key("ProcessConfig").begin_object();
  json.field("tty", config.tty);
  json.field("entrypoint", config.argv.front());
  json.field("arguments", std::vector(config.argv.begin() + 1, config.argv.end()));
  json.field("privileged", config.privileged);
  json.field("user", config.user);
  json.end_object();
  json.field("OpenStdin", config.attach_stdin);
  json.field("OpenStderr", config.attach_stderr);
  json.field("OpenStdout", config.attach_stdout);
  json.field("CanRemove", false);
  json.field("ContainerID", exec->container->id);
  json.field("DetachKeys", "");
  json.field("Pid", exec->process ? exec->process->pid() : 0);
  json.end_object();
  responder.json(200, json.take());
  co_return Result<void>{};
}

}  // namespace shoal::api
