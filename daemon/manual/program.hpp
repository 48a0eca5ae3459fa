#pragma once

#include <boost/program_options.hpp>
#include <string>
#include <vector>

/// What a program can be asked to do, as its manual page and its completions tell it.
///
/// Taken from the program's own table of verbs: what the table gains is told without a change here.
namespace farkeep::manual {

struct Option {
  std::string name;      ///< without the dashes
  char letter = 0;       ///< 0: it has none
  std::string value;     ///< what stands for its value, such as FILE; empty: it takes none
  std::string fallback;  ///< the value unless given; empty: none
  std::string help;
};

struct Verb {
  std::string name;      ///< one or two words
  std::string operands;  ///< as in the usage line: "[SNAPSHOT] [PATH]"
  std::string summary;   ///< one sentence
  std::vector<Option> options;
};

struct Program {
  std::string name;
  std::string config;  ///< the configuration file unless --config names another
  std::vector<Option> general;
  std::vector<Verb> verbs;
  /// What an operand KEY=VALUE may be, as far as there is a choice: "mode=socks", "socks.proxy=".
  std::vector<std::string> assignments;
};

std::vector<Option> options_of(const boost::program_options::options_description& described);

/// Rows with name, operands, summary and options(), as the programs' tables have them.
template <class Table>
std::vector<Verb> verbs_of(const Table& table) {
  std::vector<Verb> out;
  for (auto const& row : table) {
    boost::program_options::options_description own;
    row.options(own);
    out.push_back({std::string{row.name}, std::string{row.operands}, std::string{row.summary}, options_of(own)});
  }
  return out;
}

template <class Table>
Program program_of(std::string name, const boost::program_options::options_description& general, const Table& table) {
  Program out;
  out.name = std::move(name);
  out.general = options_of(general);
  out.verbs = verbs_of(table);
  return out;
}

}  // namespace farkeep::manual
