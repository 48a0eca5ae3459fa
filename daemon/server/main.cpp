// farkeep-server: a data centre, and the administrator's commands for it.
#include <algorithm>
#include <cstdio>
#include <sstream>

#include "base/log.hpp"
#include "base/software.hpp"
#include "command.hpp"
#include "config/nearest.hpp"
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

void usage(std::FILE* to) {
  std::fprintf(to, "Usage: farkeep-server VERB [OPTIONS]\n\nVerbs:\n");
  for (auto const& c : commands()) std::fprintf(to, "  %-14.*s %.*s\n", static_cast<int>(c.name.size()), c.name.data(), static_cast<int>(c.summary.size()), c.summary.data());
  std::fprintf(to, "\nfarkeep-server VERB --help says more.\n");
}

void usage_of(const Command& c) {
  po::options_description own("Options");
  c.options(own);
  std::ostringstream text;
  text << "Usage: farkeep-server " << c.name << " [OPTIONS] " << c.operands << "\n" << c.summary << "\n";
  if (!own.options().empty()) text << "\n" << own;
  text << "\n" << general_options();
  std::fputs(text.str().c_str(), stdout);
}

// Takes the verb's one or two words out of the arguments; general options may stand in front of them.
const Command* take_verb(Operands& args) {
  std::size_t at = 0;
  while (at < args.size() && args[at].starts_with('-')) at += args[at] == "--config" || args[at] == "--data" ? 2 : 1;
  if (at >= args.size()) return nullptr;
  auto const one = args[at];
  auto const two = at + 1 < args.size() ? one + " " + args[at + 1] : one;
  std::vector<std::string_view> names;
  for (auto const& c : commands()) {
    names.push_back(c.name);
    if (c.name != one && c.name != two) continue;
    auto const words = static_cast<std::ptrdiff_t>(c.name == one ? 1 : 2);
    args.erase(args.begin() + static_cast<std::ptrdiff_t>(at), args.begin() + static_cast<std::ptrdiff_t>(at) + words);
    return &c;
  }
  auto const near = nearest(two, names);
  throw failure(Errc::usage, "unknown verb '" + one + "'" + (near ? " (did you mean '" + std::string{*near} + "'?)" : " (farkeep-server --help lists them)"));
}

Exit start(Operands args) {
  if (args.size() == 1 && (args[0] == "--version" || args[0] == "version")) {
    std::printf("%s\n", std::string{kSoftware}.c_str());
    return Exit::done;
  }
  auto const* command = take_verb(args);
  if (!command) {
    bool const asked = std::any_of(args.begin(), args.end(), [](auto const& a) { return a == "--help" || a == "-h"; });
    usage(asked ? stdout : stderr);
    return asked ? Exit::done : Exit::usage;
  }
  auto all = general_options();
  command->options(all);
  all.add_options()("operand", po::value<Operands>());
  po::positional_options_description rest;
  rest.add("operand", -1);
  po::variables_map values;
  Options options;
  try {
    auto const parsed = po::command_line_parser(args).options(all).positional(rest).run();
    po::store(parsed, values);
    po::notify(values);
    for (auto const& o : parsed.options) options.verbose += o.string_key == "verbose";
  } catch (const po::error& e) {
    throw failure(Errc::usage, std::string{e.what()} + " (farkeep-server " + std::string{command->name} + " --help)");
  }
  if (values.count("help")) {
    usage_of(*command);
    return Exit::done;
  }
  options.config = text_of(values, "config");
  options.data = text_of(values, "data");
  options.json = values.count("json") > 0;
  options.quiet = values.count("quiet") > 0;
  App app{options};
  if (command->run != run)  // the service's log is set up by its configuration
    start_logging(options.verbose > 1 ? LogLevel::debug : options.verbose > 0 ? LogLevel::info : LogLevel::warning,
                  options.json ? LogFormat::json : LogFormat::text);
  return command->run(app, values, values.count("operand") ? values["operand"].as<Operands>() : Operands{});
}

}  // namespace
}  // namespace farkeep::server

int main(int argc, char** argv) {
  farkeep::harden_process();
  farkeep::raise_descriptor_limit();
  farkeep::keep_freed_memory();
  try {
    return static_cast<int>(farkeep::server::start({argv + 1, argv + argc}));
  } catch (const boost::system::system_error& e) {
    std::fprintf(stderr, "farkeep-server: %s\n", e.what());
    return static_cast<int>(farkeep::exit_code(e.code()));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "farkeep-server: %s\n", e.what());
    return static_cast<int>(farkeep::Exit::failed);
  }
}
