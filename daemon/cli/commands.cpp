#include "command.hpp"
#include "verbs.hpp"

namespace farkeep::cli {
// In the order in which an administrator meets them.
std::span<const Command> commands() {
  static const Command table[] = {
      {"setup", "", "Asks how this machine gets through its firewall, tries it, and writes it into the configuration; with --mode it asks nothing.", &setup_options, &setup},
      {"register", "", "Registers this machine with the data centres, with the token of the configuration.", &register_options, &register_machine},
      {"backup", "JOB…", "Runs jobs now and shows their progress.", &backup_options, &backup},
      {"status", "", "Shows this machine's registration, and of each job how old its last good snapshot is, where it is, and what is in none.", &status_options, &status},
      {"jobs", "", "Shows when each job ran last and runs next, and why.", &no_options, &jobs},
      {"pause", "[JOB]", "Keeps the daemon from starting a job, or all of them, for a while or until farkeep resume.", &pause_options, &pause},
      {"resume", "[JOB]", "Ends a pause.", &no_options, &resume},
      {"cancel", "JOB", "Ends a job's run in the daemon; its next one is at its next time.", &no_options, &cancel},
      {"snapshots", "", "Lists the snapshots of this machine.", &snapshots_options, &snapshots},
      {"ls", "[SNAPSHOT] [PATH]", "Lists what a snapshot holds: latest, latest:JOB, or an id.", &ls_options, &ls},
      {"restore", "SNAPSHOT", "Restores a snapshot (latest, latest:JOB, or an id), or paths of it, below a target folder.", &restore_options, &restore},
      {"check", "[SNAPSHOT…]", "Checks snapshots against what the server has; with --read-data reads and verifies everything.", &check_options, &check},
      {"history accept", "[SERVER]", "Takes what the servers show now as this machine's history, after one was set back or an operator set a snapshot aside; shows first what is given up, and asks.", &history_accept_options, &history_accept},
      {"key recovery", "", "Prints the recovery key: keep it on paper, away from this machine.", &no_options, &key_recovery},
      {"key passphrase", "", "Puts a key slot for a passphrase on the servers.", &passphrase_options, &key_passphrase},
      {"recover", "", "Takes over a lost machine's vault on this one, with a recovery token and its passphrase, its recovery key or the organisation's escrow key.", &recover_options, &recover},
      {"doctor", "", "Examines the way to every server and says in one sentence what stands in it, and who must change what.", &doctor_options, &doctor},
      {"connection show", "", "Shows the way to the servers: mode, proxy, every server that is or will be needed.", &no_options, &connection_show},
      {"connection test", "", "Tries to reach every server that is needed, as a session would, and says what stands in the way.", &no_options, &connection_test},
      {"connection set", "KEY=VALUE…", "Changes the way in the configuration, after trying it; the running daemon takes it over.", &connection_set_options, &connection_set},
      {"connection map", "", "Lists the destinations that a firewall must map, with the ports that are known.", &connection_map_options, &connection_map},
      {"connection rules", "", "Writes the rules that a firewall needs, in its own language.", &connection_rules_options, &connection_rules},
      {"explain", "PATH…", "Says whether jobs back up a path, and which rule of which line decides.", &explain_options, &explain_path},
      {"config check", "", "Checks the configuration, all its files, and says what is wrong with it.", &no_options, &config_check},
      {"config show", "", "Shows the configuration that is in force, and where each line of it stands.", &config_show_options, &config_show},
      {"config generate", "", "Prints a configuration file with every key explained, commented at its default.", &config_generate_options, &config_generate},
      {"generate", "", "Writes manual pages and completions for shells.", &generate_options, &generate},
  };
  return table;
}

}  // namespace farkeep::cli
