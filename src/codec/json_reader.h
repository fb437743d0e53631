// JsonReader: takes the fields of one JSON object, as strictly as Docker's Go decoder: a wrong type
// is an error that names the field, unknown fields are ignored, null leaves the value as it was,
// and names match without regard to case when there is no exact match.
//
//   ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::parse(body));
//   JsonReader reader = document.root("ServiceSpec");
//   reader.read("Name", spec.name);
//   if (auto mode = reader.child("Mode", "ServiceMode")) …
//   RETURN_IF_ERROR(document.status());
//
// The first wrong field is remembered in the document; reading goes on harmlessly after it.
// A reader is valid as long as its document.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace shoal::codec {

class JsonReader;

class JsonDocument {
 public:
  // InvalidArgument "invalid JSON: …", also for one of more values or depth than base/json_shape.h
  // allows. An empty text is refused as Docker does.
  static Result<JsonDocument> parse(std::string_view text);

  // `type` is Go's name of the struct, for error texts.
  JsonReader root(std::string_view type) const;
  // The first wrong field: "invalid JSON: json: cannot unmarshal …".
  Result<void> status() const;

 private:
  friend class JsonReader;
  struct State;
  explicit JsonDocument(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

class JsonReader {
 public:
  // Each leaves `out` alone when the field is absent or null.
  void read(std::string_view key, std::string& out, std::string_view type = "string");
  void read(std::string_view key, bool& out);
  void read(std::string_view key, int64_t& out);
  void read(std::string_view key, int32_t& out);
  void read(std::string_view key, uint64_t& out);
  void read(std::string_view key, uint32_t& out);
  void read(std::string_view key, float& out);
  void read(std::string_view key, Duration& out);  // nanoseconds
  void read(std::string_view key, std::vector<std::string>& out);
  void read(std::string_view key, std::vector<std::vector<std::string>>& out);
  void read(std::string_view key, std::map<std::string, std::string>& out);
  template <class T>
  void read(std::string_view key, std::optional<T>& out) {
    if (!has(key)) return;
    out.emplace();
    read(key, *out);
  }

  // True when the field is there and not null.
  bool has(std::string_view key) const;
  // The object under `key`; nothing when it is absent, null or no object (remembered as wrong).
  std::optional<JsonReader> child(std::string_view key, std::string_view type);
  // The objects of the array under `key`.
  std::vector<JsonReader> children(std::string_view key, std::string_view type);
  // The text of the value under `key`, as JSON; empty when absent or null.
  std::string raw(std::string_view key) const;
  // The fields of the object in their order by name, for maps of booleans ("filters").
  std::vector<std::string> keys() const;

 private:
  friend class JsonDocument;
  JsonReader(JsonDocument::State& state, const nlohmann::json& value, std::string type,
             std::string path)
      : state_(&state), value_(&value), type_(std::move(type)), path_(std::move(path)) {}

  const nlohmann::json* find(std::string_view key) const;
  void wrong(std::string_view key, const nlohmann::json& value, std::string_view wanted);
  template <class T>
  void read_number(std::string_view key, T& out, std::string_view wanted);
  std::string path_to(std::string_view key) const;

  JsonDocument::State* state_;
  const nlohmann::json* value_;
  std::string type_;
  std::string path_;  // "TaskTemplate.ContainerSpec."
};

}  // namespace shoal::codec
