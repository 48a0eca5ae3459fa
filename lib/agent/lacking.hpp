#pragma once

#include <string>
#include <vector>

#include "agent/scanner.hpp"
#include "agent/state.hpp"

namespace farkeep {

/// What a snapshot lacks as a whole: one of the job's sources, or most of it.  A file system that is not mounted looks like this.
struct Lack {
  std::string path;  ///< the source: absolute, bytes
  std::string text;  ///< for people: what is with it, and what to do
};

/// Whether a run, or a person, takes sources for what they are, though they held more before.
enum class Shrunk { told, accepted };

/// What the walk that found this lacks, held against what the job's record knows of earlier ones.  A source is lacking that is not there, that is empty and was not, and
/// that has far less than in the run before: under a quarter of its files (of 20 and more), or of its bytes (of 64 MiB and more) with
/// no more than half of its files: that one large file goes is nothing unusual.
std::vector<Lack> lacks_of(const std::vector<SourceFound>& found, const agent::pb::Job& before, Shrunk shrunk);
/// Whether a snapshot would hold nothing, for it lacks sources and there is nothing in the others.
bool lacks_all(const std::vector<SourceFound>& found, const agent::pb::Job& before, Shrunk shrunk);
/// The first of it in one line, and how many more there are.
std::string in_words(const std::vector<Lack>& lacks);
/// A sentence about a snapshot for which in_words() said that, with what to do.
std::string lacking_text(const std::string& lacks);

/// Puts into the record what the next walk is held against: what was found, but of a source that is not there, or is empty, what was known before.
void keep_counts(agent::pb::Job& record, const std::vector<SourceFound>& found, Shrunk shrunk);

}  // namespace farkeep
