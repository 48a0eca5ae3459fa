#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app.hpp"
#include "common/command_line.hpp"

namespace farkeep::deploy {

/// One verb of farkeep-deploy(1).
struct Command : Verb {
  Exit (*run)(App&, const po::variables_map&, const Operands&);
};

std::span<const Command> commands();

/// What every verb takes.
po::options_description general_options();


// ---- the verbs
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
