#include "app/cli/RewardCommand.h"

#include <fmt/format.h>

#include "agent/config/ConfigFile.h"
#include "agent/config/EnvironmentOptions.h"
#include "app/cli/CommandLine.h"
#include "base/Error.h"
#include "env/audit/RewardAudit.h"

namespace btcai::cli {

int runRewardCheck(const std::string& configFile, bool json)
{
    const RunConfig config = configFile.empty() ? defaultConfig(Bucket::Scalping) : readRunConfig(configFile);
    AuditOptions options;
    options.seed = static_cast<std::uint64_t>(config.seed);
    options.environment = environmentOptions(config);
    const AuditReport report = auditReward(auditedTradingEnv(), options);
    if (json)
        printJson(report.toJson());
    else
        fmt::print("{}", report.toText());
    return report.passed() ? 0 : exitCode(ErrorKind::Internal);
}

} // namespace btcai::cli
