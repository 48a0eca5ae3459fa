#include "common/say.hpp"

#include <cerrno>
#include <cstdio>

#include "base/harmless.hpp"
#include "common/unheard.hpp"

namespace farkeep {
namespace {

int unheard = 0;  // why standard output did not take something: the first reason

void heard(bool all) {
  if (!all && unheard == 0) unheard = errno != 0 ? errno : EIO;
}

// In one piece, so that lines of two programs on one terminal are not mixed.
bool print(std::FILE* to, std::string text) {
  if (!text.ends_with('\n')) text += '\n';
  return std::fwrite(text.data(), 1, text.size(), to) == text.size();
}

}  // namespace

void say_text(std::string_view text) { heard(print(stdout, harmless_lines(text))); }

void say_json(std::string_view json) {
  heard(print(stdout, harmless_json(json)));
  heard(std::fflush(stdout) == 0);  // whoever reads along sees each line when it is said
}

bool is_unheard() noexcept { return unheard != 0; }

// Closed, too: some file systems say only then that there was no room.
boost::system::error_code end_of_saying() {
  heard(std::fclose(stdout) == 0);
  return {unheard, boost::system::system_category()};
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
