// farkeep-server: a data centre, and the administrator's commands for it.
#include "command.hpp"
#include "platform/process.hpp"

namespace farkeep::server {

po::options_description general_options() {
  po::options_description d("General options");
  d.add_options()("config", po::value<std::string>()->value_name("FILE"), "configuration file (default /etc/farkeep/server.ini)")(
      "data", po::value<std::string>()->value_name("DIR"), "data folder, instead of the configuration's")("json", "results as JSON lines")(
      "verbose,v", "more messages (twice: still more)")("quiet,q", "only results and errors")("help,h", "this text");
  return d;
}

namespace {

Exit start(std::vector<std::string> args) {
  ProgramVerbs const program{"farkeep-server", "farkeep-server VERB [OPTIONS]", general_options(), {commands().begin(), commands().end()}};
  Exit exit;
  auto const asked = read_command_line(program, std::move(args), exit);
  if (!asked) return exit;
  Options options;
  options.config = text_of(asked->values, "config");
  options.data = text_of(asked->values, "data");
  options.json = asked->json;
  options.quiet = asked->quiet;
  options.verbose = asked->verbose;
  App app{options};
  auto const& command = commands()[asked->verb];
  if (command.run != run) start_command_log(*asked);  // the service's log is set up by its configuration
  return command.run(app, asked->values, asked->operands);
}

}  // namespace
}  // namespace farkeep::server

int main(int argc, char** argv) {
  farkeep::harden_process();
  farkeep::raise_descriptor_limit();
  farkeep::keep_freed_memory();
  return farkeep::run_program("farkeep-server", argc, argv, farkeep::server::start);
}
