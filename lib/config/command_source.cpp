#include "config/command_source.hpp"

#include <algorithm>

#include "config/parsed.hpp"

namespace farkeep {
namespace {

bool is_source_name(std::string_view text) {
  auto const plain = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'; };
  return !text.empty() && text.size() <= 128 && !text.starts_with('.') && std::all_of(text.begin(), text.end(), plain);
}

}  // namespace

Value<CommandSource> parse_command_source(std::string_view text) {
  CommandSource out;
  std::size_t const colon = text.find(": ");
  if (colon != text.npos && is_source_name(text.substr(0, colon))) {
    out.name = text.substr(0, colon);
    text.remove_prefix(std::min(text.find_first_not_of(' ', colon + 1), text.size()));
  }
  auto command = parse_command(text);
  if (!command) return command.error();
  out.command = std::move(*command);
  return out;
}

Value<std::string> parse_file_name(std::string_view text) {
  auto const control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (text.empty() || text.size() > 255 || text == "." || text == ".." || text.find('/') != text.npos || std::any_of(text.begin(), text.end(), control))
    return refused(in_quotes(text) + " is not the name of a file: write it without a folder, such as .nobackup");
  return std::string{text};
}

}  // namespace farkeep
