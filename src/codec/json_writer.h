// JsonWriter: writes JSON text straight into a string, without a tree in between. A list of 10,000
// tasks through a tree takes 0.2 s; this way it takes a fraction, and it can run off the loop.
//
//   json.begin_object();
//   json.field("Name", name);
//   json.key("Ports").begin_array(); … json.end_array();
//   json.end_object();
//
// Invariant: the caller keeps begin and end in balance and gives every value in an object a key;
// commas are put in here. Text that is not UTF-8 has its bad bytes replaced, as Go does.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace shoal::codec {

class JsonWriter {
 public:
  // Since the wall clock was stepped, the daemon's times differ from it by that much (os/loop.h).
  // They are shown on the wall clock as it is now, so that they and a client's own clock agree. For
  // all writers of the process; zero until it is set. Any thread.
  static void show_times_with(Duration wall_lead);
  static Time shown(Time time);

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag) { return raw(flag ? "true" : "false"); }
  template <std::signed_integral T>
  JsonWriter& value(T number) {
    return integer(number);
  }
  template <std::unsigned_integral T>
  JsonWriter& value(T number) {
    return natural(number);
  }
  // The shortest text that reads back as the same number. Must be finite.
  JsonWriter& value(double number);
  JsonWriter& value(float number);
  JsonWriter& value(Duration duration) { return integer(duration.count()); }  // nanoseconds
  // RFC 3339, on the wall clock: see show_times_with().
  JsonWriter& value(Time time);
  JsonWriter& null() { return raw("null"); }
  // Text that is JSON already.
  JsonWriter& raw(std::string_view json);

  JsonWriter& value(const std::vector<std::string>& list);
  JsonWriter& value(const std::map<std::string, std::string>& map);

  template <class T>
  JsonWriter& field(std::string_view name, const T& v) {
    key(name);
    return value(v);
  }
  // Go's omitempty: nothing for "", 0, false and empty lists and maps.
  template <class T>
  JsonWriter& optional_field(std::string_view name, const T& v) {
    if (is_empty(v)) return *this;
    return field(name, v);
  }

  size_t size() const { return text_.size(); }
  void reserve(size_t bytes) { text_.reserve(bytes); }
  std::string take() { return std::move(text_); }

 private:
  template <class T>
  static bool is_empty(const T& v) {
    if constexpr (requires { v.empty(); }) {
      return v.empty();
    } else if constexpr (std::same_as<T, Time>) {
      return !v.is_set();
    } else {
      return v == T{};
    }
  }
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& integer(int64_t number);
  JsonWriter& natural(uint64_t number);
  void separate();
  void quote(std::string_view text);

  std::string text_;
  bool first_ = true;  // nothing has been written at this level yet, or a key was just written
};

}  // namespace shoal::codec
