namespace HeadTap.PtxMachine;

/// <summary>What an instruction asked of the memories on one core; see <see cref="AccessCount"/>.</summary>
struct AccessTally
{
    /// <summary>The same as of the count.</summary>
    public long Executions, LoadedSectors, StoredSectors, UsefulBytes, LeastSectors, SharedCycles,
        BankConflicts;

    /// <summary>The first global address that it met.</summary>
    public nint First;

    /// <summary>Adds what another core counted.</summary>
    public void Add(in AccessTally other)
    {
        Executions += other.Executions;
        LoadedSectors += other.LoadedSectors;
        StoredSectors += other.StoredSectors;
        UsefulBytes += other.UsefulBytes;
        LeastSectors += other.LeastSectors;
        SharedCycles += other.SharedCycles;
        BankConflicts += other.BankConflicts;
        First = First == 0 ? other.First : First;
    }
}
