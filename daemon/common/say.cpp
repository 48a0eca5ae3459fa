#include "common/say.hpp"

#include <cstdio>

#include "base/harmless.hpp"

namespace farkeep {
namespace {

// In one piece, so that lines of two programs on one terminal are not mixed.
void print(std::FILE* to, std::string text) {
  if (!text.ends_with('\n')) text += '\n';
  std::fwrite(text.data(), 1, text.size(), to);
}

}  // namespace

void say_text(std::string_view text) { print(stdout, harmless_lines(text)); }

void say_json(std::string_view json) {
  print(stdout, harmless_json(json));
  std::fflush(stdout);  // whoever reads along sees each line when it is said
}

void tell_text(std::string_view text) { print(stderr, harmless_lines(text)); }
void tell_json(std::string_view json) { print(stderr, harmless_json(json)); }

void ask_text(std::string_view text) {
  const std::string question = harmless_lines(text);
  std::fwrite(question.data(), 1, question.size(), stderr);
}

void draw_text(std::string_view text) {
  const std::string line = "\r\x1b[K" + harmless_line(text);
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

void wipe_drawn() { draw_text({}); }

}  // namespace farkeep
