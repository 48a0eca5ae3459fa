#include "common/command_line.hpp"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "base/log.hpp"
#include "base/software.hpp"
#include "config/nearest.hpp"
#include "common/exits.hpp"
#include "common/unheard.hpp"
#include "common/say.hpp"
#include "wire/quiet_parser.hpp"

namespace farkeep {
namespace {

constexpr int kNameColumn = 18;

std::string usage(const ProgramVerbs& program) {
  std::ostringstream text;
  text << "Usage: " << program.synopsis << "\n\nVerbs:\n";
  for (auto const& v : program.verbs) text << "  " << v.name << std::string(v.name.size() < kNameColumn ? kNameColumn - v.name.size() : 1, ' ') << v.summary << "\n";
  text << "\n" << program.program << " VERB --help says more.\n";
  return text.str();
}

void usage_of(const ProgramVerbs& program, const Verb& verb) {
  po::options_description own("Options");
  verb.options(own);
  std::ostringstream text;
  text << "Usage: " << program.program << " " << verb.name << " [OPTIONS] " << verb.operands << "\n" << verb.summary << "\n";
  if (!own.options().empty()) text << "\n" << own;
  text << "\n" << program.general;
  say_text(text.str());
}

// Whether an option that may stand before the verb is followed by its value.
bool takes_value(const ProgramVerbs& program, const std::string& option) {
  if (!option.starts_with("--") || option.find('=') != option.npos) return false;
  auto const* found = program.general.find_nothrow(option.substr(2), false);
  return found != nullptr && found->semantic()->max_tokens() > 0;
}

// Takes the verb's one or two words out of the arguments; two words win over one.  Nothing: there is none.
std::optional<std::size_t> take_verb(const ProgramVerbs& program, std::vector<std::string>& args) {
  std::size_t at = 0;
  while (at < args.size() && args[at].starts_with('-')) at += takes_value(program, args[at]) ? 2 : 1;
  if (at >= args.size()) return std::nullopt;
  std::string const one = args[at], two = at + 1 < args.size() ? one + " " + args[at + 1] : one;
  std::optional<std::size_t> found;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < program.verbs.size(); ++i) {
    auto const name = program.verbs[i].name;
    names.push_back(name);
    if (name == two || (name == one && !found)) found = i;
  }
  if (!found) {
    auto near = nearest(one, names);
    if (!near) near = nearest(two, names);
    throw failure(Errc::usage, "unknown verb '" + one + "'" + (near ? " (did you mean '" + std::string{*near} + "'?)" : " (" + std::string{program.program} + " --help lists them)"));
  }
  bool const both = program.verbs[*found].name == two && two != one;
  auto const first = args.begin() + static_cast<std::ptrdiff_t>(at);
  args.erase(first, first + (both ? 2 : 1));
  return found;
}

// Program_options has no option without a value that may come twice.
int take_verbose(std::vector<std::string>& args) {
  int count = 0;
  std::erase_if(args, [&count](const std::string& a) {
    if (a != "-v" && a != "-vv" && a != "--verbose") return false;
    count += a == "-vv" ? 2 : 1;
    return true;
  });
  return count;
}

// A reader that goes away has what it wanted: `ls | head` is no mistake that anybody must hear of.
Exit end_of_results(const std::string& name) {
  auto const lost = end_of_saying();
  if (!lost) return Exit::done;
  if (lost == boost::system::errc::broken_pipe) return kUnheard;
  tell_text(name + ": writing the results to standard output: " + lost.message() + "; not all of them arrived");
  return Exit::failed;
}

}  // namespace

std::optional<Asked> read_command_line(const ProgramVerbs& program, std::vector<std::string> args, Exit& exit) {
  exit = Exit::done;
  if (args.size() == 1 && (args[0] == "--version" || args[0] == "version")) {
    say_text(kSoftware);
    return std::nullopt;
  }
  auto const verb = take_verb(program, args);
  if (!verb) {
    bool const wanted = std::any_of(args.begin(), args.end(), [](auto const& a) { return a == "--help" || a == "-h"; });
    if (wanted) say_text(usage(program));
    else tell_text(usage(program));
    if (!wanted) exit = Exit::usage;
    return std::nullopt;
  }
  Verb const& row = program.verbs[*verb];
  Asked out;
  out.verb = *verb;
  out.verbose = take_verbose(args);
  po::options_description all;
  all.add(program.general);
  row.options(all);
  all.add_options()("operand", po::value<Operands>());
  po::positional_options_description rest;
  rest.add("operand", -1);
  try {
    po::store(po::command_line_parser(args).options(all).positional(rest).run(), out.values);
    po::notify(out.values);
  } catch (const po::error& e) {
    throw failure(Errc::usage, std::string{e.what()} + " (" + std::string{program.program} + " " + std::string{row.name} + " --help)");
  }
  if (out.values.count("help")) {
    usage_of(program, row);
    return std::nullopt;
  }
  if (out.values.count("operand")) out.operands = out.values["operand"].as<Operands>();
  out.json = out.values.count("json") > 0;
  out.quiet = out.values.count("quiet") > 0;
  return out;
}

void start_command_log(const Asked& asked) {
  start_logging(asked.verbose > 1 ? LogLevel::debug : asked.verbose > 0 ? LogLevel::info : LogLevel::warning, asked.json ? LogFormat::json : LogFormat::text);
}

int run_program(std::string_view program, int argc, char** argv, const std::function<Exit(std::vector<std::string>)>& body) {
  std::string const name{program};
  wire::quiet_parser();
  Exit exit = Exit::failed;
  try {
    exit = body({argv + 1, argv + argc});
  } catch (const boost::system::system_error& e) {
    tell_text(name + ": " + e.what());
    exit = exit_code(e.code());
  } catch (const std::exception& e) {
    tell_text(name + ": " + e.what());
  }
  return static_cast<int>(worse(exit, end_of_results(name)));
}

void no_options(po::options_description&) {}

std::optional<std::string> text_of(const po::variables_map& values, const char* name) {
  return values.count(name) ? std::optional{values[name].as<std::string>()} : std::nullopt;
}

const std::string& only_operand(const Operands& operands, const char* what) {
  if (operands.size() != 1) throw failure(Errc::usage, std::string{"one operand is needed: "} + what);
  return operands.front();
}

void no_operands(const Operands& operands) {
  if (!operands.empty()) throw failure(Errc::usage, "unexpected operand '" + operands.front() + "'");
}

}  // namespace farkeep
