#pragma once

#include <string>

#include "program.hpp"

namespace farkeep::manual {

/// What to source so that a shell completes a program's verbs (of one or two words), options, and what their values and operands
/// are: files, folders, words of a list, and the jobs of the configuration, as far as whoever types may read it.  The scripts
/// start no program of ours, and need nothing but the shell itself and sed.
std::string bash_completion(const Program& program);
std::string zsh_completion(const Program& program);
std::string fish_completion(const Program& program);

}  // namespace farkeep::manual
