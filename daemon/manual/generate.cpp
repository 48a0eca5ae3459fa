#include "generate.hpp"

#include "base/error.hpp"
#include "common/say.hpp"
#include "completion.hpp"
#include "platform/atomic_file.hpp"

namespace farkeep::manual {
namespace {

namespace po = boost::program_options;

constexpr struct {
  const char* option;
  const char* help;
  std::string (*write)(const Program&);
} kShells[] = {
    {"bash-completion", "where completions for bash are written; - is standard output", bash_completion},
    {"zsh-completion", "where completions for zsh are written", zsh_completion},
    {"fish-completion", "where completions for fish are written", fish_completion},
};

void write_to(const std::string& file, const std::string& text) {
  if (file != "-") return write_file_atomically(system_disk(), file, as_bytes(text));
  say_text(text);
}

}  // namespace

void generate_options(po::options_description& d) {
  d.add_options()("man", po::value<std::string>()->value_name("DIR"), "the folder into which manual pages are written");
  for (auto const& shell : kShells) d.add_options()(shell.option, po::value<std::string>()->value_name("FILE"), shell.help);
}

void generate(const po::variables_map& values, const Program& program, std::span<const Page> pages) {
  bool asked = false;
  if (values.count("man") > 0) {
    asked = true;
    for (auto const& page : pages) write_to(values["man"].as<std::string>() + "/" + page.file(), page.roff());
  }
  for (auto const& shell : kShells) {
    if (values.count(shell.option) == 0) continue;
    asked = true;
    write_to(values[shell.option].as<std::string>(), shell.write(program));
  }
  if (!asked) throw failure(Errc::usage, "generate: say what: --man DIR, or --bash-completion, --zsh-completion or --fish-completion FILE");
}

}  // namespace farkeep::manual
