#include "program.hpp"

namespace farkeep::manual {

namespace po = boost::program_options;

std::vector<Option> options_of(const po::options_description& described) {
  std::vector<Option> out;
  for (auto const& o : described.options()) {
    Option option;
    option.name = o->long_name();
    auto const letter = o->canonical_display_name(po::command_line_style::allow_dash_for_short);
    if (letter.size() == 2 && letter[0] == '-') option.letter = letter[1];
    option.help = o->description();
    if (o->semantic()->max_tokens() > 0) {
      option.value = o->semantic()->name();  // "FORMAT (=nftables)" where there is a default
      if (auto const at = option.value.find(" (="); at != std::string::npos) {
        option.fallback = option.value.substr(at + 3, option.value.size() - at - 4);
        option.value.erase(at);
      }
    }
    out.push_back(std::move(option));
  }
  return out;
}

}  // namespace farkeep::manual
