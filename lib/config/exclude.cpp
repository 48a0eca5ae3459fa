#include "config/exclude.hpp"

#include <algorithm>

namespace farkeep {
namespace {

/// Blanks at the end go, unless a backslash keeps them.
std::string_view trim(std::string_view text) {
  std::size_t keep = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    if (text[i] == '\\') ++i;
    keep = std::min(i + 1, text.size());
  }
  return text.substr(0, keep);
}

bool says_nothing(std::string_view text) {
  text = trim(text);
  return text.empty() || text[0] == '#';
}

}  // namespace

Parsed<ExcludeRules> ExcludeRules::parse(std::span<const ExcludeLine> lines) {
  Reading found = read(lines, Room{});
  if (found.errors.empty()) return {std::move(found.rules), {}};
  return {std::nullopt, std::move(found.errors)};
}

// Lines count for the room whether they are right or wrong, for exclude_lines() counts them so.
ExcludeRules::Reading ExcludeRules::read(std::span<const ExcludeLine> lines, const Room& room) {
  Reading out;
  ExcludeRules& rules = out.rules;
  std::size_t met = 0;
  const auto stop = [&out](const ExcludeLine& line, Reading::Stopped why, std::string text) {
    out.stopped = why;
    out.errors.push_back({*line.file, line.line, std::move(text)});
  };
  for (const ExcludeLine& line : lines) {
    if (says_nothing(line.text)) continue;
    if (met++ == room.rules) {
      stop(line, Reading::Stopped::full, "there are more than " + std::to_string(room.rules) + " exclude rules");
      break;
    }
    auto rule = compile(line);
    if (!rule && out.errors.size() == kMaxWrong) {
      stop(line, Reading::Stopped::too_wrong, "more than " + std::to_string(kMaxWrong) + " lines are no rules: correct those that are named; what follows was not read");
      break;
    }
    if (!rule) {
      out.errors.push_back({*line.file, line.line, std::move(rule.error().text)});
      continue;
    }
    std::size_t const bytes = bytes_of(*rule);
    if (bytes > room.bytes - rules.bytes_) {
      stop(line, Reading::Stopped::full, "the exclude rules take more than " + std::to_string(room.bytes) + " bytes of memory");
      break;
    }
    rules.bytes_ += bytes;
    rules.signatures_.push_back(signature(*rule));
    rules.rules_.push_back(std::move(*rule));
  }
  rules.signatures_.shrink_to_fit();
  rules.rules_.shrink_to_fit();
  return out;
}

// A rule of many short components takes fifty times the bytes of its text.
std::size_t ExcludeRules::bytes_of(const Rule& rule) noexcept {
  std::size_t out = sizeof(Rule) + sizeof(Signature) + rule.line.text.capacity() + rule.start.capacity() + rule.parts.capacity() * sizeof(Part);
  for (const Part& part : rule.parts) out += part.glob.bytes();
  return out;
}

// 1. take off "!", the slash at the end and the one at the start  2. cut into components  3. find what is quick to
// compare
Value<ExcludeRules::Rule> ExcludeRules::compile(const ExcludeLine& line) {
  if (line.text.size() > limits::kMaxPattern) return refused("the rule is longer than 4 KiB");
  Rule rule(line);
  std::string_view text = trim(line.text);
  rule.includes = text.starts_with('!');
  if (rule.includes) text.remove_prefix(1);
  rule.folders_only = text.ends_with('/');
  while (text.ends_with('/')) text.remove_suffix(1);
  bool const at_root = text.starts_with('/');
  while (text.starts_with('/')) text.remove_prefix(1);
  if (text.empty()) return refused(in_quotes(line.text) + (rule.folders_only ? " names no file or folder; all that is in / is /*" : " names no file or folder"));

  bool const has_slash = text.find('/') != text.npos;
  for (bool more = true; more;) {
    std::size_t const slash = text.find('/');
    std::string_view const component = text.substr(0, slash);
    more = slash != text.npos;
    if (more) text.remove_prefix(slash + 1);
    if (component.empty()) continue;  // two slashes are one, as in any path
    if (component == "." || component == "..") {
      return refused(in_quotes(line.text) + " has the component '" + std::string{component} +
                     "', so it could never match");
    }
    auto glob = Glob::parse(component);
    if (!glob) return glob.error();
    rule.parts.push_back({component == "**" && (at_root || has_slash), std::move(*glob)});
  }

  rule.parts.shrink_to_fit();

  // "**/name" is what "name" means.
  bool const leads = rule.parts.size() == 2 && rule.parts[0].any_depth && !rule.parts[1].any_depth;
  if (leads) rule.parts.erase(rule.parts.begin());
  rule.by_name = leads || (!at_root && !has_slash);
  if (!rule.by_name) {
    rule.start = "/";
    for (std::size_t i = 0; i < rule.parts.size(); ++i) {
      const std::string* const exact = rule.parts[i].any_depth ? nullptr : rule.parts[i].glob.exact();
      if (exact == nullptr) break;
      rule.start += *exact;
      if (i + 1 < rule.parts.size()) rule.start += '/';
    }
  }
  return rule;
}

ExcludeRules::Signature ExcludeRules::signature(const Rule& rule) {
  Signature out;
  if (rule.folders_only) out.require(kIsFolder, 1);
  if (rule.start.size() > 1) out.require(kPathFirst, static_cast<std::uint8_t>(rule.start[1]));
  const Part& last = rule.parts.back();  // what the last component must match, unless it is "**"
  if (last.any_depth) return out;
  if (auto const byte = last.glob.first_byte()) out.require(kNameFirst, *byte);
  if (auto const byte = last.glob.last_byte()) out.require(kNameLast, *byte);
  return out;
}

ExcludeRules::Decision ExcludeRules::decide(std::string_view path, bool is_folder) const noexcept {
  std::string_view const name = path.substr(path.rfind('/') + 1);
  if (name.empty()) return {};
  Signature is;
  is.require(kPathFirst, static_cast<std::uint8_t>(path.size() > 1 ? path[1] : '\0'));
  is.require(kNameFirst, static_cast<std::uint8_t>(name.front()));
  is.require(kNameLast, static_cast<std::uint8_t>(name.back()));
  is.require(kIsFolder, is_folder ? 1 : 0);
  for (std::size_t i = rules_.size(); i-- > 0;) {
    if (((signatures_[i].value ^ is.value) & signatures_[i].mask) != 0) continue;
    const Rule& rule = rules_[i];
    bool const hit =
        rule.by_name ? rule.parts[0].glob.matches(name) : path.starts_with(rule.start) && matches(rule, path);
    if (hit) return {rule.includes ? Verdict::included : Verdict::excluded, &rule.line};
  }
  return {};
}

ExcludeRules::Decision ExcludeRules::decide_from_root(std::string_view path, bool is_folder) const noexcept {
  for (std::size_t slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1)) {
    Decision const above = decide(path.substr(0, slash), true);
    if (above.verdict == Verdict::excluded) return above;
  }
  return decide(path, is_folder);
}

// As in Glob, one level up: "**" is the star, components are the bytes, and only the last "**" is tried again.
bool ExcludeRules::matches(const Rule& rule, std::string_view path) noexcept {
  std::size_t const none = rule.parts.size();
  std::size_t part = 0, star = none, star_at = 0;
  for (std::size_t at = 1; at <= path.size();) {
    if (part < none && rule.parts[part].any_depth) {
      if (part + 1 == none) return true;  // everything inside: at least one component is left
      star = part++;
      star_at = at;
      continue;
    }
    std::size_t const end = std::min(path.find('/', at), path.size());
    if (part < none && rule.parts[part].glob.matches(path.substr(at, end - at))) {
      ++part;
      at = end + 1;
    } else if (star < none) {
      part = star + 1;
      at = star_at = std::min(path.find('/', star_at), path.size()) + 1;
    } else {
      return false;
    }
  }
  return part == none;
}

std::vector<ExcludeLine> exclude_lines(std::string_view text, const std::string& file) {
  std::vector<ExcludeLine> out;
  auto const name = std::make_shared<const std::string>(file);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (int number = 1; !text.empty() && out.size() <= limits::kMaxPatterns; ++number) {
    std::size_t const end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!says_nothing(line)) out.emplace_back(std::string{line}, name, number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace farkeep
