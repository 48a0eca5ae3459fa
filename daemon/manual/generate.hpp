#pragma once

#include <span>

#include "page.hpp"
#include "program.hpp"

namespace farkeep::manual {

/// --man DIR and --bash-completion, --zsh-completion and --fish-completion FILE.
void generate_options(boost::program_options::options_description& d);

/// Writes what the options ask for; "-" for a FILE is standard output.  Throws failure: usage when they ask for nothing.
void generate(const boost::program_options::variables_map& values, const Program& program, std::span<const Page> pages);

}  // namespace farkeep::manual
