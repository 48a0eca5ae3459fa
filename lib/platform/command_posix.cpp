#include <sys/wait.h>

#include <cerrno>
#include <cstdio>

#include "base/error.hpp"
#include "platform/command.hpp"

namespace farkeep {

Buffer command_output(const std::string& command_line, std::size_t most) {
  const std::string doing = "running the command '" + command_line + "'";
  std::FILE* pipe = ::popen(command_line.c_str(), "re");
  if (!pipe) throw_errno(errno, doing);
  Buffer out(most + 1);
  const std::size_t n = std::fread(out.data(), 1, out.size(), pipe);
  out.resize(n);
  const int status = ::pclose(pipe);
  if (n > most) throw failure(Errc::too_large, doing + ": it prints more than " + std::to_string(most) + " bytes");
  if (status == -1) throw_errno(errno, doing);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw failure(Errc::configuration, doing + ": it failed with " + (WIFEXITED(status) ? "status " + std::to_string(WEXITSTATUS(status)) : "a signal"));
  return out;
}

}  // namespace farkeep
