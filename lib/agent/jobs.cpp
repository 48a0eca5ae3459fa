#include "agent/jobs.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "platform/atomic_file.hpp"
#include "platform/file_access.hpp"
#include "platform/process.hpp"

namespace farkeep {

BackupJob backup_job(const JobConfig& config, Disk& disk) {
  const std::string doing = "reading the exclude rules of job " + config.name;
  std::vector<ExcludeLine> lines;
  if (!config.exclude_file.empty()) {
    refuse_if_others_may_change(config.exclude_file, "the exclude rules of job " + config.name + ", exclude_file " + config.exclude_file);  // they could leave anything out
    const auto text = read_file(disk, config.exclude_file, limits::kMiB);
    if (!text) throw failure(Errc::configuration, doing + ": exclude_file " + config.exclude_file + " does not exist");
    lines = exclude_lines(as_text(*text), config.exclude_file);
  }
  lines.insert(lines.end(), config.exclude.begin(), config.exclude.end());
  auto rules = ExcludeRules::parse(lines);
  if (!rules.value) {
    std::string all;
    for (auto& e : rules.errors) all += (all.empty() ? "" : "; ") + e.file + ":" + std::to_string(e.line) + ": " + e.text;
    throw failure(Errc::configuration, doing + ": " + all);
  }
  BackupJob job;
  job.name = config.name;
  job.sources = config.paths;
  job.rules = std::move(*rules.value);
  job.scan.one_file_system = config.one_file_system;
  job.scan.exclude_caches = config.exclude_caches;
  job.tags = config.tags;
  job.commands = config.commands;
  job.hooks = config.hooks;
  job.scan.larger_than = config.exclude_larger_than;
  job.scan.if_present = config.exclude_if_present;
  job.scan.ignore_file = config.ignore_file;
  switch (config.compression) {
    case Compression::automatic: job.compression = CompressionLevel::automatic; break;
    case Compression::fast: job.compression = CompressionLevel::fast; break;
    case Compression::best: job.compression = CompressionLevel::best; break;
    case Compression::off: job.compression = CompressionLevel::off; break;
  }
  return job;
}

void save_memory(const AgentConfig& config) {
  if (config.memory && *config.memory < MemoryPlan::kEnough) give_back_memory();
  else keep_freed_memory();
}

void stand_back(const AgentConfig& config) {
  save_memory(config);
  if (config.niceness && !set_niceness(*config.niceness))
    log_warning("[limits] nice = {}: the system refuses, for a process cannot take back what it gave away; restart the service", *config.niceness);
  if (config.io_priority && !set_io_priority(*config.io_priority)) log_warning("[limits] ionice: the system refuses it; the priority for disks stays as it is");
}

}  // namespace farkeep
