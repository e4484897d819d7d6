namespace HeadTap.Jobs;

/// <summary>The result of a verb whose cells can be planned.</summary>
public interface ISweepResult;
