// farkeep-deploy: the deployment kit.  From an organisation's profile to what its machines are installed with.
#include <algorithm>
#include <cstdio>
#include <sstream>

#include "base/software.hpp"
#include "command.hpp"
#include "config/nearest.hpp"
#include "platform/process.hpp"

namespace farkeep::deploy {

po::options_description general_options() {
  po::options_description d("General options");
  d.add_options()("json", "results as JSON lines")("verbose,v", "more messages")("quiet,q", "only results and errors")("help,h", "this text");
  return d;
}

namespace {

void usage(std::FILE* to) {
  std::fprintf(to, "Usage: farkeep-deploy VERB [OPTIONS]\n\nVerbs:\n");
  for (auto const& c : commands())
    std::fprintf(to, "  %-14.*s %.*s\n", static_cast<int>(c.name.size()), c.name.data(), static_cast<int>(c.summary.size()), c.summary.data());
  std::fprintf(to, "\nfarkeep-deploy VERB --help says more.\n");
}

void usage_of(const Command& c) {
  po::options_description own("Options");
  c.options(own);
  std::ostringstream text;
  text << "Usage: farkeep-deploy " << c.name << " [OPTIONS] " << c.operands << "\n" << c.summary << "\n";
  if (!own.options().empty()) text << "\n" << own;
  text << "\n" << general_options();
  std::fputs(text.str().c_str(), stdout);
}

// Takes the verb's one or two words out of the arguments; general options, none of which has a value, may stand in front of them.
const Command* take_verb(Operands& args) {
  std::size_t at = 0;
  while (at < args.size() && args[at].starts_with('-')) ++at;
  if (at >= args.size()) return nullptr;
  auto const one = args[at];
  auto const two = at + 1 < args.size() ? one + " " + args[at + 1] : one;
  std::vector<std::string_view> names;
  for (auto const& c : commands()) {
    names.push_back(c.name);
    if (c.name != one && c.name != two) continue;
    auto const first = args.begin() + static_cast<std::ptrdiff_t>(at);
    args.erase(first, first + (c.name == one ? 1 : 2));
    return &c;
  }
  auto near = nearest(one, names);
  if (!near) near = nearest(two, names);
  throw failure(Errc::usage,
                "unknown verb '" + one + "'" + (near ? " (did you mean '" + std::string{*near} + "'?)" : " (farkeep-deploy --help lists them)"));
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
  try {
    po::store(po::command_line_parser(args).options(all).positional(rest).run(), values);
    po::notify(values);
  } catch (const po::error& e) {
    throw failure(Errc::usage, std::string{e.what()} + " (farkeep-deploy " + std::string{command->name} + " --help)");
  }
  if (values.count("help")) {
    usage_of(*command);
    return Exit::done;
  }
  Options options;
  options.json = values.count("json") > 0;
  options.quiet = values.count("quiet") > 0;
  App app{options};
  return command->run(app, values, values.count("operand") ? values["operand"].as<Operands>() : Operands{});
}

}  // namespace
}  // namespace farkeep::deploy

int main(int argc, char** argv) {
  farkeep::harden_process();
  try {
    return static_cast<int>(farkeep::deploy::start({argv + 1, argv + argc}));
  } catch (const boost::system::system_error& e) {
    std::fprintf(stderr, "farkeep-deploy: %s\n", e.what());
    return static_cast<int>(farkeep::exit_code(e.code()));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "farkeep-deploy: %s\n", e.what());
    return static_cast<int>(farkeep::Exit::failed);
  }
}
