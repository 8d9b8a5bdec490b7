"""Claims about heterogeneous-agent trust regions and mirror learning (Zhong et al., JMLR 2024)."""
