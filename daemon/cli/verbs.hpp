#pragma once

#include "command.hpp"

/// The verbs of farkeep(1), one function each.
namespace farkeep::cli {

using Values = po::variables_map;

/// The configuration's job of that name.  Throws failure(usage), with the nearest name there is.
const JobConfig& find_job(const AgentConfig& config, const std::string& name);

void register_options(po::options_description&);
Exit register_machine(App&, const Values&, const Operands&);
void recover_options(po::options_description&);
Exit recover(App&, const Values&, const Operands&);
Exit key_recovery(App&, const Values&, const Operands&);
void passphrase_options(po::options_description&);
Exit key_passphrase(App&, const Values&, const Operands&);
void explain_options(po::options_description&);
Exit explain_path(App&, const Values&, const Operands&);
void generate_options(po::options_description&);
Exit generate(App&, const Values&, const Operands&);

void setup_options(po::options_description&);
Exit setup(App&, const Values&, const Operands&);
void doctor_options(po::options_description&);
Exit doctor(App&, const Values&, const Operands&);
Exit connection_show(App&, const Values&, const Operands&);
void connection_map_options(po::options_description&);
Exit connection_map(App&, const Values&, const Operands&);
Exit connection_test(App&, const Values&, const Operands&);
void connection_set_options(po::options_description&);
Exit connection_set(App&, const Values&, const Operands&);
void connection_rules_options(po::options_description&);
Exit connection_rules(App&, const Values&, const Operands&);

Exit config_check(App&, const Values&, const Operands&);
void config_show_options(po::options_description&);
Exit config_show(App&, const Values&, const Operands&);
void config_generate_options(po::options_description&);
Exit config_generate(App&, const Values&, const Operands&);

void backup_options(po::options_description&);
Exit backup(App&, const Values&, const Operands&);
void status_options(po::options_description&);
Exit status(App&, const Values&, const Operands&);
Exit jobs(App&, const Values&, const Operands&);
void pause_options(po::options_description&);
Exit pause(App&, const Values&, const Operands&);
Exit resume(App&, const Values&, const Operands&);
Exit cancel(App&, const Values&, const Operands&);

void snapshots_options(po::options_description&);
Exit snapshots(App&, const Values&, const Operands&);
void ls_options(po::options_description&);
Exit ls(App&, const Values&, const Operands&);
void restore_options(po::options_description&);
Exit restore(App&, const Values&, const Operands&);
void check_options(po::options_description&);
Exit check(App&, const Values&, const Operands&);
void history_accept_options(po::options_description&);
Exit history_accept(App&, const Values&, const Operands&);

}  // namespace farkeep::cli
