#include "config/written_settings.hpp"

#include <algorithm>
#include <tuple>

#include "crypto/digest.hpp"

namespace farkeep {
namespace {

bool counts(const SectionId& section, std::string_view key) {
  if (section.kind == "deployment" || section.kind == "include") return false;
  return section.kind != "registration" || (key != "token" && key != "token_file" && key != "token_command");
}

auto key_of(const WrittenSetting& s) { return std::tie(s.section, s.key); }

std::string escaped(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == '\\') out += '\\';
    out += c == '\n' ? std::string_view{"\\n"} : std::string_view{&c, 1};
  }
  return out;
}

}  // namespace

std::vector<WrittenSetting> written_settings(const SectionRefs& sections) {
  std::vector<WrittenSetting> out;
  for (const IniSection* section : sections) {
    std::size_t const first = out.size();
    for (const IniEntry& entry : section->entries) {
      if (!counts(section->id, entry.key)) continue;
      auto const there =
          std::find_if(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(), [&](const WrittenSetting& s) { return s.key == entry.key; });
      if (there != out.end()) {
        there->values.push_back(entry.value);
      } else {
        out.push_back({section->id, entry.key, {entry.value}, entry.place()});
      }
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const WrittenSetting& a, const WrittenSetting& b) { return key_of(a) < key_of(b); });
  return out;
}

Digest settings_digest(const SectionRefs& sections) {
  std::string text;
  SectionId last;
  for (const WrittenSetting& setting : written_settings(sections)) {
    if (setting.section != last) text += setting.section.to_string() + "\n";
    last = setting.section;
    for (const std::string& value : setting.values) text += setting.key + "=" + escaped(value) + "\n";
  }
  return sha256(as_bytes(text));
}

// Both are sorted: one walk along the two.
std::vector<SettingDifference> settings_differences(const SectionRefs& before, const SectionRefs& after) {
  auto const old = written_settings(before), now = written_settings(after);
  std::vector<SettingDifference> out;
  for (auto a = old.begin(), b = now.begin(); a != old.end() || b != now.end();) {
    if (b == now.end() || (a != old.end() && key_of(*a) < key_of(*b))) {
      out.push_back({a->section, a->key, a->values, {}, a->place, {}});
      ++a;
    } else if (a == old.end() || key_of(*b) < key_of(*a)) {
      out.push_back({b->section, b->key, {}, b->values, {}, b->place});
      ++b;
    } else {
      if (a->values != b->values) out.push_back({a->section, a->key, a->values, b->values, a->place, b->place});
      ++a, ++b;
    }
  }
  return out;
}

}  // namespace farkeep
