#pragma once

#include <string>

namespace farkeep::deploy {

/// The bundle's install.sh: POSIX sh, offline, unattended, idempotent.  Pure.
/// `bundle`: its name, a label; `state`: the agent's state folder, an absolute path.
std::string install_script(const std::string& bundle, const std::string& state);

/// Text as one word of a shell's command line.
std::string shell_word(const std::string& text);

}  // namespace farkeep::deploy
