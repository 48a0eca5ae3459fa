#pragma once

#include <span>
#include <string>
#include <string_view>

#include "app.hpp"
#include "common/command_line.hpp"

namespace farkeep::cli {

/// One verb of farkeep(1).
struct Command : Verb {
  /// Does it; `operands` are the words that are no options.  Throws failure.
  Exit (*run)(App&, const po::variables_map&, const Operands& operands);
};

std::span<const Command> commands();

/// What every verb takes.
po::options_description general_options();

}  // namespace farkeep::cli
