#pragma once

#include <boost/program_options.hpp>
#include <span>
#include <string>
#include <string_view>

#include "app.hpp"

namespace farkeep::cli {

namespace po = boost::program_options;

/// One verb of farkeep(1).
struct Command {
  std::string_view name;      ///< one or two words: "backup", "key recovery"
  std::string_view operands;  ///< for the usage line
  std::string_view summary;   ///< one sentence
  /// Adds the verb's own options.
  void (*options)(po::options_description&);
  /// Does it; `operands` are the words that are no options.  Throws failure.
  Exit (*run)(App&, const po::variables_map&, const std::vector<std::string>& operands);
};

std::span<const Command> commands();

/// What every verb takes.
po::options_description general_options();

}  // namespace farkeep::cli
