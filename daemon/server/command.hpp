#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app.hpp"
#include "common/command_line.hpp"

namespace farkeep::server {

/// One verb of farkeep-server(8).
struct Command : Verb {
  Exit (*run)(App&, const po::variables_map&, const Operands&);
};

std::span<const Command> commands();

/// What every verb takes.
po::options_description general_options();

/// A duration option such as 24h.  Throws failure(usage).
std::chrono::seconds duration_of(const po::variables_map& values, const char* name, std::chrono::seconds otherwise);

// ---- the verbs
void init_options(po::options_description&);
Exit init(App&, const po::variables_map&, const Operands&);
void invite_options(po::options_description&);
Exit invite(App&, const po::variables_map&, const Operands&);
void run_options(po::options_description&);
Exit run(App&, const po::variables_map&, const Operands&);
void account_add_options(po::options_description&);
Exit account_add(App&, const po::variables_map&, const Operands&);
Exit account_list(App&, const po::variables_map&, const Operands&);
void token_create_options(po::options_description&);
Exit token_create(App&, const po::variables_map&, const Operands&);
void agents_options(po::options_description&);
Exit agents(App&, const po::variables_map&, const Operands&);
Exit agent_revoke(App&, const po::variables_map&, const Operands&);
Exit agent_admit(App&, const po::variables_map&, const Operands&);
void snapshots_options(po::options_description&);
Exit snapshots(App&, const po::variables_map&, const Operands&);
void directory_publish_options(po::options_description&);
Exit directory_publish(App&, const po::variables_map&, const Operands&);
Exit directory_show(App&, const po::variables_map&, const Operands&);
Exit pair(App&, const po::variables_map&, const Operands&);
Exit status(App&, const po::variables_map&, const Operands&);
Exit config_check(App&, const po::variables_map&, const Operands&);
void config_show_options(po::options_description&);
Exit config_show(App&, const po::variables_map&, const Operands&);
void config_generate_options(po::options_description&);
Exit config_generate(App&, const po::variables_map&, const Operands&);
void generate_options(po::options_description&);
Exit generate(App&, const po::variables_map&, const Operands&);

}  // namespace farkeep::server
