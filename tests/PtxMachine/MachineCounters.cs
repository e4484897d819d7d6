namespace HeadTap.PtxMachine;

/// <summary>What launches did since the machine was made or <see cref="Reset"/> was called.</summary>
public sealed class MachineCounters
{
    /// <summary>Launches.</summary>
    public long Launches { get; internal set; }

    /// <summary>Instructions that a warp executed.</summary>
    public long WarpInstructions { get; internal set; }

    /// <summary>Instructions times the lanes that executed them.</summary>
    public long LaneInstructions { get; internal set; }

    /// <summary>Starts from nothing again.</summary>
    public void Reset() => Launches = WarpInstructions = LaneInstructions = 0;
}
