#pragma once

#include <boost/program_options.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app.hpp"

namespace farkeep::deploy {

namespace po = boost::program_options;
using Operands = std::vector<std::string>;

/// One verb of farkeep-deploy(1).
struct Command {
  std::string_view name;      ///< one or two words: "bundle", "escrow create"
  std::string_view operands;  ///< for the usage line
  std::string_view summary;   ///< one sentence
  void (*options)(po::options_description&);
  Exit (*run)(App&, const po::variables_map&, const Operands&);
};

std::span<const Command> commands();

/// What every verb takes.
po::options_description general_options();

/// Text of an option that was given, else nothing.
std::optional<std::string> text_of(const po::variables_map& values, const char* name);
/// Exactly one operand.  Throws failure(usage) that says what it should be.
const std::string& only_operand(const Operands& operands, const char* what);

// ---- the verbs
void no_options(po::options_description&);
Exit check(App&, const po::variables_map&, const Operands&);
void bundle_options(po::options_description&);
Exit bundle(App&, const po::variables_map&, const Operands&);
Exit verify(App&, const po::variables_map&, const Operands&);
Exit diff(App&, const po::variables_map&, const Operands&);
void escrow_create_options(po::options_description&);
Exit escrow_create(App&, const po::variables_map&, const Operands&);
void generate_options(po::options_description&);
Exit generate(App&, const po::variables_map&, const Operands&);

}  // namespace farkeep::deploy
