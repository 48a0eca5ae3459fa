// farkeep: the administrator's command on an agent machine.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "base/log.hpp"
#include "base/software.hpp"
#include "command.hpp"
#include "config/nearest.hpp"
#include "platform/process.hpp"

namespace farkeep::cli {

po::options_description general_options() {
  po::options_description d("General options");
  d.add_options()("config", po::value<std::string>()->value_name("FILE"), "configuration file (default /etc/farkeep/agent.ini)")(
      "json", "results and progress as JSON lines")("verbose,v", "more messages (twice: still more)")("quiet,q", "only results and errors")("help,h", "this text");
  return d;
}

namespace {

void usage(std::FILE* to) {
  std::fprintf(to, "Usage: farkeep [--config FILE] VERB [OPTIONS]\n\nVerbs:\n");
  for (auto& c : commands()) std::fprintf(to, "  %-16s %s\n", std::string(c.name).c_str(), std::string(c.summary).c_str());
  std::fprintf(to, "\nfarkeep VERB --help says more.\n");
}

void usage(std::FILE* to, const Command& c) {
  po::options_description own("Options");
  c.options(own);
  std::fprintf(to, "Usage: farkeep %s [OPTIONS] %s\n%s\n", std::string(c.name).c_str(), std::string(c.operands).c_str(), std::string(c.summary).c_str());
  std::ostringstream text;
  if (!own.options().empty()) text << "\n" << own;
  text << "\n" << general_options();
  std::fputs(text.str().c_str(), to);
}

// Takes the verb's words out of the arguments; options and their values may stand in front of them.
const Command* take_verb(std::vector<std::string>& args) {
  std::size_t at = 0;
  while (at < args.size() && args[at].starts_with('-')) at += args[at] == "--config" ? 2 : 1;
  if (at >= args.size()) return nullptr;
  const std::string one = args[at], two = at + 1 < args.size() ? one + " " + args[at + 1] : one;
  const Command* found = nullptr;
  for (auto& c : commands())
    if (c.name == two || (c.name == one && !found)) found = &c;
  if (!found) {
    std::vector<std::string_view> names;
    for (auto& c : commands()) names.push_back(c.name);
    const auto near = nearest(one, names);
    throw failure(Errc::usage, "unknown verb '" + one + "'" + (near ? " (did you mean '" + std::string(*near) + "'?)" : " (farkeep --help lists them)"));
  }
  args.erase(args.begin() + static_cast<std::ptrdiff_t>(at), args.begin() + static_cast<std::ptrdiff_t>(at + (found->name == two && two != one ? 2 : 1)));
  return found;
}

Exit run(std::vector<std::string> args) {
  if (args.size() == 1 && (args[0] == "--version" || args[0] == "version")) {
    std::printf("%s\n", std::string(kSoftware).c_str());
    return Exit::done;
  }
  const Command* command = take_verb(args);
  if (!command) {
    const bool asked = std::any_of(args.begin(), args.end(), [](auto& a) { return a == "--help" || a == "-h"; });
    usage(asked ? stdout : stderr);
    return asked ? Exit::done : Exit::usage;
  }
  // Program_options has no option that may come twice without a value.
  App::Options options;
  std::erase_if(args, [&options](const std::string& a) {
    if (a != "-v" && a != "-vv" && a != "--verbose") return false;
    options.verbose += a == "-vv" ? 2 : 1;
    return true;
  });
  po::options_description all = general_options();
  command->options(all);
  all.add_options()("operand", po::value<std::vector<std::string>>());
  po::positional_options_description rest;
  rest.add("operand", -1);
  po::variables_map values;
  try {
    po::store(po::command_line_parser(args).options(all).positional(rest).run(), values);
    po::notify(values);
  } catch (const po::error& e) {
    throw failure(Errc::usage, std::string(e.what()) + " (farkeep " + std::string(command->name) + " --help)");
  }
  if (values.count("help")) {
    usage(stdout, *command);
    return Exit::done;
  }
  if (values.count("config")) options.config = values["config"].as<std::string>();
  options.json = values.count("json") > 0;
  options.quiet = values.count("quiet") > 0;
  start_logging(options.verbose > 1 ? LogLevel::debug : options.verbose > 0 ? LogLevel::info : LogLevel::warning, options.json ? LogFormat::json : LogFormat::text);
  App app(options);
  return command->run(app, values, values.count("operand") ? values["operand"].as<std::vector<std::string>>() : std::vector<std::string>{});
}

}  // namespace
}  // namespace farkeep::cli

int main(int argc, char** argv) {
  farkeep::harden_process();
  farkeep::raise_descriptor_limit();
  farkeep::keep_freed_memory();
  try {
    return static_cast<int>(farkeep::cli::run({argv + 1, argv + argc}));
  } catch (const boost::system::system_error& e) {
    std::fprintf(stderr, "farkeep: %s\n", e.what());
    return static_cast<int>(farkeep::exit_code(e.code()));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "farkeep: %s\n", e.what());
    return static_cast<int>(farkeep::Exit::failed);
  }
}
