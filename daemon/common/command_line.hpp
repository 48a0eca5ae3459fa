#pragma once

#include <boost/program_options.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace farkeep {

namespace po = boost::program_options;
using Operands = std::vector<std::string>;

/// What every verb of a program has; the programs' own tables add what it does.
struct Verb {
  std::string_view name;      ///< one or two words: "backup", "key recovery"
  std::string_view operands;  ///< for the usage line
  std::string_view summary;   ///< one sentence
  void (*options)(po::options_description&);  ///< adds the verb's own options
};

struct ProgramVerbs {
  std::string_view program;   ///< "farkeep"
  std::string_view synopsis;  ///< "farkeep [--config FILE] VERB [OPTIONS]"
  po::options_description general;  ///< what every verb takes; --json, --verbose, --quiet and --help among them
  std::vector<Verb> verbs;
};

/// A command line, read.
struct Asked {
  std::size_t verb = 0;  ///< its place in the table
  po::variables_map values;
  Operands operands;
  int verbose = 0;  ///< how often --verbose was given
  bool json = false, quiet = false;
};

/// Reads a command line: general options may stand before the verb, -v more than once.  Answers --version and --help, and prints the usage when nothing is
/// asked: then there is nothing to be done but to end with `exit`.  Throws failure(usage), with the nearest verb there is.
std::optional<Asked> read_command_line(const ProgramVerbs& program, std::vector<std::string> args, Exit& exit);

/// Messages of a command on standard error, as many as were asked for.
void start_command_log(const Asked& asked);

/// The body of main(): what it throws is said, and becomes the exit code; so does what standard output did not take of the results.
int run_program(std::string_view program, int argc, char** argv, const std::function<Exit(std::vector<std::string> args)>& body);

/// For a verb without options of its own.
void no_options(po::options_description&);
/// Text of an option that was given, else nothing.
std::optional<std::string> text_of(const po::variables_map& values, const char* name);
/// Exactly one operand.  Throws failure(usage) that says what it should be.
const std::string& only_operand(const Operands& operands, const char* what);
/// None.  Throws failure(usage).
void no_operands(const Operands& operands);

}  // namespace farkeep
