#include "agent/lacking.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "base/limits.hpp"
#include "platform/printable.hpp"

namespace farkeep {
namespace {

constexpr std::uint64_t kManyFiles = 20, kManyBytes = 64 * limits::kMiB;  // of fewer it is nothing unusual that most of them go
constexpr std::size_t kMostInWords = 5;
constexpr std::uint64_t kFarSmaller = 4;                                  // that part of it, or less

const agent::pb::Source* earlier(const agent::pb::Job& record, const std::string& path) {
  for (auto& s : record.source())
    if (s.path() == path) return &s;
  return nullptr;
}

bool is_far_smaller(std::uint64_t now, std::uint64_t before, std::uint64_t many) { return before >= many && now < before / kFarSmaller; }

bool is_emptied(const SourceFound& now, const agent::pb::Source* before) { return now.is_folder && now.entries == 0 && before && before->entries() > 0; }

// Empty: nothing.
std::string lack(const SourceFound& now, const agent::pb::Source* before) {
  if (!now.problem.empty()) return now.problem;
  if (!before) return {};
  if (is_emptied(now, before)) return fmt::format("it is empty, and had {} files before: is what belongs there mounted? (if it is right: farkeep backup JOB --accept-empty)", before->files());
  if (is_far_smaller(now.files, before->files(), kManyFiles)) return fmt::format("it has {} files, far fewer than the {} of the run before: is all mounted that belongs there?", now.files, before->files());
  if (now.files <= before->files() / 2 && is_far_smaller(now.bytes, before->bytes(), kManyBytes)) return fmt::format("it has {} bytes, far less than the {} of the run before: is all mounted that belongs there?", now.bytes, before->bytes());
  return {};
}

}  // namespace

std::vector<Lack> lacks_of(const std::vector<SourceFound>& found, const agent::pb::Job& before, Shrunk shrunk) {
  std::vector<Lack> out;
  for (auto& now : found) {
    std::string text = lack(now, shrunk == Shrunk::accepted ? nullptr : earlier(before, now.path));
    if (!text.empty()) out.push_back({now.path, std::move(text)});
  }
  return out;
}

bool lacks_all(const std::vector<SourceFound>& found, const agent::pb::Job& before, Shrunk shrunk) {
  if (lacks_of(found, before, shrunk).empty()) return false;
  return std::all_of(found.begin(), found.end(), [&](const SourceFound& now) {
    if (now.link == SourceFound::Link::itself) return earlier(before, now.path) != nullptr;  // one that was never anything else is kept as what it is
    return !now.problem.empty() || (shrunk == Shrunk::told && now.is_folder && now.entries == 0);
  });
}

std::string in_words(const std::vector<Lack>& lacks) {
  std::string out;
  for (std::size_t i = 0; i < std::min(lacks.size(), kMostInWords); ++i) out += (i == 0 ? "" : "; ") + printable(lacks[i].path) + ": " + lacks[i].text;
  if (lacks.size() > kMostInWords) out += fmt::format("; and {} more", lacks.size() - kMostInWords);
  return out;
}

std::string lacking_text(const std::string& lacks) {
  return "some of the job's paths are not in it, or hold far less than before: " + lacks + " (mount what is not mounted; what is gone for good is taken out of the job)";
}

void keep_counts(agent::pb::Job& record, const std::vector<SourceFound>& found, Shrunk shrunk) {
  const agent::pb::Job before = record;
  record.clear_source();
  for (auto& now : found) {
    const agent::pb::Source* old = earlier(before, now.path);
    const bool stays = !now.problem.empty() || (shrunk == Shrunk::told && is_emptied(now, old));
    if (stays && !old) continue;
    agent::pb::Source* row = record.add_source();
    if (stays) {
      *row = *old;
      continue;
    }
    row->set_path(now.path);
    row->set_entries(now.entries);
    row->set_files(now.files);
    row->set_bytes(now.bytes);
  }
}

}  // namespace farkeep
