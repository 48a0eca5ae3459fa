// farkeep-deploy: the deployment kit.  From an organisation's profile to what its machines are installed with.
#include "command.hpp"
#include "platform/process.hpp"

namespace farkeep::deploy {

po::options_description general_options() {
  po::options_description d("General options");
  d.add_options()("json", "results as JSON lines")("verbose,v", "more messages")("quiet,q", "only results and errors")("help,h", "this text");
  return d;
}

namespace {

Exit start(std::vector<std::string> args) {
  ProgramVerbs const program{"farkeep-deploy", "farkeep-deploy VERB [OPTIONS]", general_options(), {commands().begin(), commands().end()}};
  Exit exit;
  auto const asked = read_command_line(program, std::move(args), exit);
  if (!asked) return exit;
  start_command_log(*asked);
  Options options;
  options.json = asked->json;
  options.quiet = asked->quiet;
  App app{options};
  return commands()[asked->verb].run(app, asked->values, asked->operands);
}

}  // namespace
}  // namespace farkeep::deploy

int main(int argc, char** argv) {
  farkeep::harden_process();
  return farkeep::run_program("farkeep-deploy", argc, argv, farkeep::deploy::start);
}
