#include "page.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "base/software.hpp"

namespace farkeep::manual {
namespace {

constexpr std::string_view kDate = "2026-11-23";  // of the last change to what no table tells

constexpr std::string_view kExitStatus = R"(
= 0
Done.
= 1
Failed.
= 2
Wrong usage, or a mistake in the configuration.
= 3
The snapshot was made, but some files could not be read or changed while they were read; they are named.
= 4
No server was reached.
= 5
Identity or authorisation was refused.
= 6
Integrity is in question: damaged data, or a server that shows another history than it acknowledged.
= 7
Busy: somebody else works with the same folder.
= 8
The quota is used up.
= 130
Interrupted.
= 141
Whoever read the results went away before their end; the work itself was done.
)";

// The code point that begins here; a byte that is no UTF-8 stands for itself.
std::uint32_t take_character(std::string_view& text) {
  auto const first = static_cast<unsigned char>(text[0]);
  std::size_t const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  std::uint32_t out = length == 1 ? first : first & (0xffU >> (length + 1));
  if (length > text.size()) {
    text = {};
    return first;
  }
  for (std::size_t i = 1; i < length; ++i) out = out << 6 | (static_cast<unsigned char>(text[i]) & 0x3fU);
  text.remove_prefix(length);
  return out;
}

std::string bold(std::string_view text) { return "\\fB" + escaped(text, Kind::code) + "\\fR"; }
std::string slanted(std::string_view text) { return "\\fI" + escaped(text, Kind::code) + "\\fR"; }

// Prose in which `words` are what one types.
std::string marked(std::string_view text) {
  std::string out;
  for (bool code = false;; code = !code) {
    auto const mark = std::min(text.find('`'), text.size());
    if (mark > 0) out += code ? bold(text.substr(0, mark)) : escaped(text.substr(0, mark), Kind::prose);
    if (mark == text.size()) return out;
    text.remove_prefix(mark + 1);
  }
}

// "-v, --verbose" or "--for FORMAT"
std::string tag_of(const Option& o) {
  std::string out;
  if (o.letter != 0) out = bold(std::string{'-', o.letter}) + ", ";
  out += bold("--" + o.name);
  if (!o.value.empty()) out += " " + slanted(o.value);
  return out;
}

std::string in_words(const KeySpec& key) {
  std::string out{key.help};
  if (!key.choices.empty()) {
    out += " One of:";
    for (auto choice : key.choices) out.append(choice == key.choices.front() ? " " : ", ").append(choice);
    out += '.';
  }
  if (key.required) out += " Required.";
  if (key.repeatable) out += " May be repeated.";
  if (!key.fallback.empty()) out += " Default: " + std::string{key.fallback} + ".";
  return out;
}

}  // namespace

std::string escaped(std::string_view text, Kind kind) {
  std::string out;
  // A control line begins with one of these.
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  while (!text.empty()) {
    auto const c = take_character(text);
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else if (c == '^') out += "\\(ha";
    else if (c == '~') out += "\\(ti";
    else if (c == '`') out += "\\(ga";
    else if (c == '\'' && kind == Kind::code) out += "\\(aq";
    else if (c < 0x80) out += static_cast<char>(c);
    else {
      char name[16];
      std::snprintf(name, sizeof name, "\\[u%04X]", c);
      out += name;
    }
  }
  return out;
}

Page::Page(std::string_view name, int section, std::string_view summary) : file_(std::string{name} + "." + std::to_string(section)) {
  line(".\\\" Written by \"generate\" from the program's own tables.");
  line(".TH \"" + escaped(name, Kind::code) + "\" " + std::to_string(section) + " \"" + std::string{kDate} + "\" \"" + std::string{kSoftware} + "\" \"Farkeep\"");
  chapter("NAME");
  line(escaped(name, Kind::code) + " \\- " + escaped(summary, Kind::prose));
}

void Page::synopsis(std::span<const std::string_view> forms) {
  chapter("SYNOPSIS");
  for (auto form : forms) {
    if (form != forms.front()) line(".br");
    auto const name = std::min(form.find(' '), form.size());
    line(bold(form.substr(0, name)) + escaped(form.substr(name), Kind::code));
  }
}

void Page::text(std::string_view title, std::string_view words) {
  chapter(title);
  prose(words);
}

void Page::verbs(const Program& program) {
  chapter("VERBS");
  for (auto const& verb : program.verbs) {
    line(".TP");
    line(bold(verb.name) + (verb.options.empty() ? "" : " [\\fIOPTIONS\\fR]") + (verb.operands.empty() ? "" : " " + slanted(verb.operands)));
    line(escaped(verb.summary, Kind::prose));
    if (verb.options.empty()) continue;
    line(".RS");
    items(verb.options);
    line(".RE");
  }
}

void Page::options(std::string_view title, std::span<const Option> all) {
  chapter(title);
  items(all);
}

void Page::keys(const Schema& schema) {
  chapter("SECTIONS AND KEYS");
  for (auto const& section : schema.sections) {
    line(".SS \"[" + escaped(section.kind, Kind::code) + (section.is_named() ? " NAME" : "") + "]\"");
    line(escaped(section.help, Kind::prose));
    for (auto const& key : section.keys) {
      line(".TP");
      line(bold(key.key) + " = " + slanted(key.fallback.empty() ? key.example : key.fallback));
      line(escaped(in_words(key), Kind::prose));
    }
  }
}

void Page::exit_status() { text("EXIT STATUS", kExitStatus); }

void Page::chapter(std::string_view title) { line(".SH \"" + escaped(title, Kind::code) + "\""); }

void Page::items(std::span<const Option> options) {
  for (auto const& o : options) {
    line(".TP");
    line(tag_of(o));
    line(escaped(o.help + (o.fallback.empty() ? "" : " (default: " + o.fallback + ")"), Kind::prose));
  }
}

void Page::prose(std::string_view text) {
  enum class In { nothing, paragraph, verbatim } in = In::nothing;
  bool first = true;  // the chapter's title stands right above
  while (!text.empty()) {
    auto const end = std::min(text.find('\n'), text.size());
    auto const row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    bool const literal = row.starts_with("    ");
    if (in == In::verbatim && !literal) {
      line(".EE");
      line(".RE");
      in = In::nothing;
    }
    if (row.empty()) {
      in = In::nothing;
    } else if (literal) {
      if (in != In::verbatim) {
        if (!first) line(".sp");
        line(".RS 4");
        line(".EX");
      }
      in = In::verbatim;
      line(escaped(row.substr(4), Kind::code));
    } else if (row.starts_with("= ")) {
      line(".TP");
      line(bold(row.substr(2)));
      in = In::paragraph;
    } else {
      if (in == In::nothing && !first) line(".PP");
      in = In::paragraph;
      line(marked(row));
    }
    first = first && row.empty();
  }
  if (in == In::verbatim) {
    line(".EE");
    line(".RE");
  }
}

void Page::line(std::string_view roff) { (out_ += roff) += '\n'; }

Page ini_page(const IniPage& told, const Schema& schema) {
  Page page(told.name, 5, told.summary);
  page.synopsis(std::span(&told.file, 1));
  page.text("DESCRIPTION", told.about);
  page.keys(schema);
  page.text("EXAMPLES", told.examples);
  page.text("SEE ALSO", told.see_also);
  return page;
}

}  // namespace farkeep::manual
