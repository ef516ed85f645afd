#pragma once

#include "data/remote/HistoryDownloader.h"

namespace btcai::fetch {

/// Shows a download on stderr: one line that is rewritten on a terminal, a line every ten seconds elsewhere.
class FetchProgress {
public:
    explicit FetchProgress(bool quiet);
    ~FetchProgress();
    FetchProgress(const FetchProgress&) = delete;
    FetchProgress& operator=(const FetchProgress&) = delete;

    void show(const DownloadProgress& progress);

private:
    bool m_quiet;
    bool m_terminal;
    bool m_open = false; ///< a rewritten line stands without its newline
    double m_lastShown = -1e9;
};

} // namespace btcai::fetch
