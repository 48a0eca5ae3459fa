#include <algorithm>

#include "config/schema.hpp"

namespace farkeep {
namespace {

/// Words in comment lines of at most 100 columns.
void add_comment(std::string& out, std::string_view text) {
  std::size_t column = 0;
  while (!text.empty()) {
    std::size_t const space = std::min(text.find(' '), text.size());
    if (column == 0 || column + 1 + space > 100) {
      out += column == 0 ? "#" : "\n#";
      column = 1;
    }
    (out += ' ') += text.substr(0, space);
    column += 1 + space;
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  out += '\n';
}

std::string sentence(const KeySpec& spec) {
  std::string out{spec.help};
  if (!spec.choices.empty()) {
    out += " One of:";
    for (std::string_view choice : spec.choices) (out += choice == spec.choices.front() ? " " : ", ") += choice;
    out += '.';
  }
  if (spec.required) out += " Required.";
  if (spec.repeatable) out += " May be repeated.";
  if (spec.fallback.empty() && !spec.required) out += " No default.";
  return out;
}

void add_title(std::string& out, std::string_view title) {
  while (!title.empty()) {
    std::size_t const end = std::min(title.find('\n'), title.size());
    add_comment(out, title.substr(0, end));
    title.remove_prefix(std::min(end + 1, title.size()));
  }
}

std::string header(const SectionSpec& section) {
  return SectionId{std::string{section.kind}, std::string{section.example_name}}.to_string();
}

}  // namespace

std::string sample(const Schema& schema) {
  std::string out;
  add_title(out, schema.title);
  for (const SectionSpec& section : schema.sections) {
    out += '\n';
    add_comment(out, section.help);
    // A named section would exist, and miss its required keys, if its header were not commented too.
    out += (section.is_named() ? "#" : "") + header(section) + '\n';
    for (const KeySpec& spec : section.keys) {
      out += '\n';
      add_comment(out, sentence(spec));
      out += "#" + std::string{spec.key} + " = ";
      out += spec.fallback.empty() ? spec.example : spec.fallback;
      out += '\n';
    }
  }
  return out;
}

std::string minimal(const Schema& schema) {
  std::string out;
  for (const SectionSpec& section : schema.sections) {
    bool opened = false;
    for (const KeySpec& spec : section.keys) {
      if (!spec.required && !spec.usual) continue;
      if (!opened) out += (out.empty() ? "" : "\n") + header(section) + '\n';
      opened = true;
      add_comment(out, sentence(spec));
      ((out += spec.key) += " = ") += spec.example;
      out += '\n';
    }
  }
  if (out.empty()) out = "# Nothing must be given: every key has a default.\n";
  return out;
}

}  // namespace farkeep
