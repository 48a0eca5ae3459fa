#pragma once

#include <string>
#include <vector>

#include "program.hpp"

namespace farkeep::manual {

/// What a shell offers in some place: "file", "folder", "job", "nothing", or "words" and then the words.
///
/// Known from the word that stands for it in the usage (FILE, DIR, JOB, SNAPSHOT, KEY=VALUE), for options also from "one of: a b c" in
/// their sentence.
std::string wanted(const Program& program, const std::string& placeholder, const std::string& help = {});

/// For each operand in its order; the last is for all that follow.
std::vector<std::string> wanted_operands(const Program& program, const Verb& verb);

/// The words that a verb may begin with, and what they are: a summary, or the second words.
struct First {
  std::string word, about;
};
std::vector<First> first_words(const Program& program);

/// 'text' for a shell of Bourne's kind.
std::string quoted_for_shell(std::string_view text);

/// The parts that bash and zsh have in common: FUNCTION_value VERB OPTION tells what an option's value is and fails where there is
/// none, FUNCTION_operands VERB tells what its operands are, FUNCTION_jobs FILE tells the configuration's jobs.
std::string common_functions(const Program& program, const std::string& function);

/// "_farkeep_server": the program as a function's name.
std::string function_name(const Program& program);

/// A script in which @F@ is the function's name, @P@ the program's, @CONFIG@ its configuration file, @FIRSTS@ the words a verb begins with.
std::string filled(std::string_view script, const Program& program);

}  // namespace farkeep::manual
