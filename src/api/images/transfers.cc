// The calls that move whole images: pull, import, load and save.
#include "api/images/image_json.h"
#include "api/images/images.h"
#include "api/images/progress_stream.h"
#include "model/image_ref.h"

namespace shoal::api {
namespace {
using images::ImagePtr;

constexpr const char* kTarType = "application/x-tar";

images::ByteSource source_of(Request& request) {
  return [&request] { return request.body->next(); };
}

os::Co<> run_pull(images::ImageStore& store, images::PullRequest asked, os::StopToken stop,
                  ProgressStream& stream) {
  const images::ProgressSink sink = [&stream](const images::Progress& p) { stream.add(p); };
  const std::string reference = asked.reference;
  Result<ImagePtr> image = co_await store.pull(std::move(asked), sink, std::move(stop));
  // The other texts are Docker's own, or name it.
  const bool is_named =
      image || image.error().code == ErrorCode::NotFound || !model::parse_image_ref(reference);
  if (!is_named) image = with_context(std::move(image), "pulling {}", reference);
  stream.close(image ? Result<void>{} : std::unexpected(image.error()));
}

os::Co<Result<void>> write_tar(Responder& responder, std::string bytes) {
  if (!responder.started()) {
    Response head{.content_type = kTarType};
    CO_RETURN_IF_ERROR(co_await responder.start(std::move(head)));
  }
  co_return co_await responder.write(std::move(bytes));
}

std::vector<std::string> all_values(const Fields& query, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [key, value] : query) {
    if (key == name) values.push_back(value);
  }
  return values;
}

// "repository" and "tag or digest", as the query has them.
std::string join_reference(std::string_view name, std::string_view tag) {
  if (tag.empty()) return std::string(name);
  return fmt::format("{}{}{}", name, model::is_sha256_digest(tag) ? '@' : ':', tag);
}

}  // namespace

os::Co<Result<void>> ImagesApi::create(Request& request, Responder& responder) {
  if (request.has_query("fromImage")) return pull(request, responder);
  return import(request, responder);
}

os::Co<Result<void>> ImagesApi::pull(Request& request, Responder& responder) {
  images::PullRequest asked;
  asked.reference = join_reference(request.query_value("fromImage"), request.query_value("tag"));
  asked.registry_auth = request.header("x-registry-auth");
  asked.platform = request.query_value("platform");
  const std::string reference = asked.reference;
  ProgressStream stream(responder);
  os::spawn(run_pull(store_, std::move(asked), request.stop, stream));
  CO_RETURN_IF_ERROR(co_await stream.run());
  if (const auto image = store_.resolve(reference)) post("pull", reference, reference);
  co_return Result<void>{};
}

os::Co<Result<void>> ImagesApi::import(Request& request, Responder& responder) {
  if (request.query_value("fromSrc") != "-") {
    co_return unimplemented("import from a URL is not supported by this version of Shoal yet");
  }
  images::ImportRequest asked;
  const std::string_view name = request.query_value("repo");
  if (!name.empty()) asked.repository = join_reference(name, request.query_value("tag"));
  asked.message = request.query_value("message");
  asked.changes = all_values(request.query, "changes");
  asked.platform = request.query_value("platform");
  const std::string repository = asked.repository;
  auto importing = store_.import_rootfs(std::move(asked), source_of(request), request.stop);
  CO_ASSIGN_OR_RETURN(const ImagePtr image, co_await importing);
  post("import", image->id, repository);
  const images::Progress line{.status = image->id};
  responder.json(200, progress_json(line));
  co_return Result<void>{};
}

os::Co<Result<void>> ImagesApi::load(Request& request, Responder& responder) {
  std::string lines;
  const images::ProgressSink sink = [&lines](const images::Progress& progress) {
    lines += progress_json(progress);
  };
  auto loading = store_.load(source_of(request), sink, request.stop);
  CO_ASSIGN_OR_RETURN(const std::vector<ImagePtr> loaded, co_await loading);
  for (const auto& image : loaded) post("load", image->id, image->id);
  responder.json(200, std::move(lines));
  co_return Result<void>{};
}

os::Co<Result<void>> ImagesApi::save(Request& request, Responder& responder) {
  std::vector<std::string> names = all_values(request.query, "names");
  if (const auto name = request.param("name"); !name.empty()) names.emplace_back(name);
  const images::ByteSink sink = [&responder](std::string bytes) {
    return write_tar(responder, std::move(bytes));
  };
  co_return co_await store_.save(std::move(names), sink, request.stop);
}

}  // namespace shoal::api
