// farkeep: the administrator's command on an agent machine.
#include "command.hpp"
#include "platform/process.hpp"

namespace farkeep::cli {

po::options_description general_options() {
  po::options_description d("General options");
  d.add_options()("config", po::value<std::string>()->value_name("FILE"), "configuration file (default /etc/farkeep/agent.ini)")(
      "json", "results and progress as JSON lines")("verbose,v", "more messages (twice: still more)")("quiet,q", "only results and errors")("help,h", "this text");
  return d;
}

namespace {

Exit run(std::vector<std::string> args) {
  const ProgramVerbs program{"farkeep", "farkeep [--config FILE] VERB [OPTIONS]", general_options(), {commands().begin(), commands().end()}};
  Exit exit;
  const auto asked = read_command_line(program, std::move(args), exit);
  if (!asked) return exit;
  App::Options options;
  if (asked->values.count("config")) options.config = asked->values["config"].as<std::string>();
  options.json = asked->json;
  options.quiet = asked->quiet;
  options.verbose = asked->verbose;
  start_command_log(*asked);
  App app(options);
  return commands()[asked->verb].run(app, asked->values, asked->operands);
}

}  // namespace
}  // namespace farkeep::cli

int main(int argc, char** argv) {
  farkeep::harden_process();
  farkeep::raise_descriptor_limit();
  farkeep::keep_freed_memory();
  return farkeep::run_program("farkeep", argc, argv, farkeep::cli::run);
}
