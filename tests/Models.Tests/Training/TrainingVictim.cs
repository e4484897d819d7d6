using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>
/// The process that <see cref="TrainingKillTests"/> kills: CONFIG FOLDER. It waits between steps, so
/// that it is killed in the middle of a run.
/// </summary>
static class TrainingVictim
{
    static void Main(string[] args)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        TrainingRun.Run(device, TrainingConfig.Read(args[0]), args[1], new TrainingRunOptions
        {
            Progress = p =>
            {
                Console.WriteLine(p.Last.Step);
                Thread.Sleep(10);
            },
        });
    }
}
