#include "model/template.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace shoal::model {
namespace {

// What an expression is worth: a text, or the labels, which only `index` can look into.
using Value = std::variant<std::string, const Labels*>;

constexpr std::string_view kSpace = " \t\r\n";
constexpr int kNestingMax = 16;

// Reads one {{ … }}; the text between the braces is given.
class Action {
 public:
  Action(std::string_view text, const TemplateContext& context) : text_(text), context_(context) {}

  Result<std::string> evaluate() {
    ASSIGN_OR_RETURN(const Value value, expression(0));
    skip_space();
    if (at_ != text_.size()) return unexpected_text();
    const auto* text = std::get_if<std::string>(&value);
    if (!text) return wrong("labels are no text; use index .Service.Labels \"key\"");
    return *text;
  }

 private:
  std::unexpected<Error> wrong(std::string_view reason) const {
    return invalid_argument("template: expansion: {{{{{}}}}}: {}", text_, reason);
  }
  std::unexpected<Error> unexpected_text() const {
    return wrong(fmt::format("unexpected \"{}\"", text_.substr(at_)));
  }
  void skip_space() {
    while (at_ < text_.size() && kSpace.find(text_[at_]) != std::string_view::npos) ++at_;
  }
  std::string_view word() {
    const size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n()\"`").find(text_[at_]) == std::string_view::npos) {
      ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  // A function with its arguments, or a single operand.
  Result<Value> expression(int depth) {
    if (depth > kNestingMax) return wrong("nested too deeply");
    skip_space();
    const size_t begin = at_;
    const std::string_view name = word();
    if (name != "join" && name != "index") {
      at_ = begin;
      return operand(depth);
    }
    std::vector<Value> arguments;
    for (skip_space(); at_ < text_.size() && text_[at_] != ')'; skip_space()) {
      ASSIGN_OR_RETURN(Value argument, operand(depth));
      arguments.push_back(std::move(argument));
    }
    return name == "join" ? join(arguments) : index(arguments);
  }

  Result<Value> operand(int depth) {
    if (at_ == text_.size()) return wrong("missing value");
    if (text_[at_] == '(') {
      ++at_;
      ASSIGN_OR_RETURN(Value value, expression(depth + 1));
      skip_space();
      if (at_ == text_.size() || text_[at_] != ')') return wrong("unclosed left paren");
      ++at_;
      return value;
    }
    if (text_[at_] == '"' || text_[at_] == '`') return literal();
    return field(word());
  }

  Result<Value> literal() {
    const char quote = text_[at_++];
    std::string value;
    for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      value += text_[at_];
    }
    if (at_ == text_.size()) return wrong("unterminated quoted string");
    ++at_;
    return value;
  }

  Result<Value> field(std::string_view path) {
    const std::pair<std::string_view, Value> fields[] = {
        {".Service.ID", context_.service_id},
        {".Service.Name", context_.service_name},
        {".Service.Labels", &context_.service_labels},
        {".Node.ID", context_.node_id},
        {".Node.Hostname", context_.node_hostname},
        {".Node.Platform.OS", context_.node_platform.os},
        {".Node.Platform.Architecture", context_.node_platform.architecture},
        {".Task.ID", context_.task_id},
        {".Task.Name", context_.task_name},
        {".Task.Slot", context_.task_slot},
    };
    for (const auto& [name, value] : fields) {
      if (name == path) return value;
    }
    constexpr std::string_view kLabel = ".Service.Labels.";
    if (path.starts_with(kLabel)) return label(path.substr(kLabel.size()));
    if (path.empty()) return unexpected_text();
    if (path.front() != '.') return wrong(fmt::format("function \"{}\" not defined", path));
    return wrong(fmt::format("can't evaluate field {}", path.substr(1)));
  }

  Result<Value> label(std::string_view key) const {
    const auto found = context_.service_labels.find(std::string(key));
    if (found == context_.service_labels.end()) {
      return wrong(fmt::format("map has no entry for key \"{}\"", key));
    }
    return found->second;
  }

  Result<Value> join(const std::vector<Value>& arguments) const {
    std::string joined;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const auto* text = std::get_if<std::string>(&arguments[i]);
      if (!text) return wrong("join takes texts");
      if (i > 1) joined += std::get<std::string>(arguments[0]);
      if (i > 0) joined += *text;
    }
    return joined;
  }

  Result<Value> index(const std::vector<Value>& arguments) const {
    if (arguments.size() != 2 || !std::holds_alternative<const Labels*>(arguments[0]) ||
        !std::holds_alternative<std::string>(arguments[1])) {
      return wrong("index takes .Service.Labels and a key");
    }
    return label(std::get<std::string>(arguments[1]));
  }

  std::string_view text_;
  const TemplateContext& context_;
  size_t at_ = 0;
};

std::string_view trim_end(std::string_view text) {
  const size_t last = text.find_last_not_of(kSpace);
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

std::string_view trim_front(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

Result<void> expand_in_place(std::string& text, const TemplateContext& context) {
  ASSIGN_OR_RETURN(text, expand_template(text, context));
  return {};
}

Result<void> expand_values(Labels& labels, const TemplateContext& context) {
  for (auto& [key, value] : labels) RETURN_IF_ERROR(expand_in_place(value, context));
  return {};
}

Result<void> expand_env(std::vector<std::string>& env, const TemplateContext& context) {
  for (auto& entry : env) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos) continue;
    ASSIGN_OR_RETURN(
        const std::string value,
        with_context(expand_template(std::string_view(entry).substr(equals + 1), context),
                     "expanding env \"{}\"", entry));
    entry.replace(equals + 1, std::string::npos, value);
  }
  return {};
}

Result<void> expand_mount(Mount& mount, const TemplateContext& context) {
  RETURN_IF_ERROR(with_context(expand_in_place(mount.source, context),
                               "expanding mount source \"{}\"", mount.source));
  RETURN_IF_ERROR(with_context(expand_in_place(mount.target, context),
                               "expanding mount target \"{}\"", mount.target));
  RETURN_IF_ERROR(expand_values(mount.volume_labels, context));
  if (mount.volume_driver) RETURN_IF_ERROR(expand_values(mount.volume_driver->options, context));
  return {};
}

}  // namespace

TemplateContext template_context(const Task& task, const Node& node) {
  TemplateContext context;
  context.service_id = task.service_id.str();
  if (task.service_annotations) {
    context.service_name = task.service_annotations->name;
    context.service_labels = task.service_annotations->labels;
  }
  context.node_id = node.id.str();
  context.node_hostname = node.description.hostname;
  context.node_platform = node.description.platform;
  context.task_id = task.id.str();
  context.task_name = task_name(task);
  context.task_slot = task.slot != 0 ? std::to_string(task.slot) : node.id.str();
  return context;
}

Result<std::string> expand_template(std::string_view text, const TemplateContext& context) {
  std::string expanded;
  for (;;) {
    const size_t open = text.find("{{");
    std::string_view before = text.substr(0, open);
    if (open == std::string_view::npos) return expanded.append(before);
    text.remove_prefix(open + 2);
    const size_t close = text.find("}}");
    if (close == std::string_view::npos) {
      return invalid_argument("template: expansion: unclosed action");
    }
    std::string_view action = text.substr(0, close);
    text.remove_prefix(close + 2);
    if (action.starts_with("- ")) {
      before = trim_end(before);
      action.remove_prefix(2);
    }
    if (action.ends_with(" -")) {
      text = trim_front(text);
      action.remove_suffix(2);
    }
    expanded += before;
    ASSIGN_OR_RETURN(const std::string value, Action(action, context).evaluate());
    expanded += value;
  }
}

Result<ContainerSpec> expand_templates(ContainerSpec spec, const TemplateContext& context) {
  RETURN_IF_ERROR(with_context(expand_env(spec.env, context), "expanding env failed"));
  RETURN_IF_ERROR(
      with_context(expand_in_place(spec.hostname, context), "expanding hostname failed"));
  for (auto& mount : spec.mounts) {
    RETURN_IF_ERROR(with_context(expand_mount(mount, context), "expanding mounts failed"));
  }
  return spec;
}

}  // namespace shoal::model
